"""Sentences are found as a reader would, and their diversity is sacrebleu's, group by group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.measures.sentences import (
    diversity_of_pools,
    diversity_within,
    drawn_pools,
    long_sentences,
    plain,
)
from tests.unit.services.metrics.lexical.adversarial import FIXED, texts

MARKDOWN = """# How the house was built

> **Quoted** words of *an old man* here

1. First, a [link to a page](https://example.org/a_b) stands.  2) is no mark here.
- [x](y) `code()` and snake_case_names stay; ~~gone~~ __bold__ and _thin_ too!

| one | two | three | four |
|-----|:---:|------:|------|
***
```python
a = b + c
```
He said "we go home." Then (after an hour!) they left… Why? 我们今天要去。好。
"""


def test_markdown_is_stripped_and_sentences_end_where_a_reader_ends_them() -> None:
    assert long_sentences(MARKDOWN) == [
        "How the house was built",
        "Quoted words of an old man here",
        "First, a link to a page stands.",
        "2) is no mark here.",
        "x code() and snake_case_names stay; gone bold and thin too!",
        "one   two   three   four",
        'He said "we go home."',
        "Then (after an hour!) they left…",
    ]
    assert plain("one\n---\ntwo") == "one\n\ntwo"


def reference(group: list[str]) -> float:
    bleu = pytest.importorskip("sacrebleu.metrics.bleu").BLEU(effective_order=True)
    scores = [bleu.sentence_score(own, group[:i] + group[i + 1 :]).score for i, own in enumerate(group)]
    return 100 - float(np.mean(scores))


@given(st.lists(st.lists(texts, max_size=6).map(". \n".join), max_size=6))
def test_within_each_text_it_is_sacrebleus(corpus: list[str]) -> None:
    expected = [reference(group) for text in corpus if len(group := long_sentences(text)) > 1]
    assert diversity_within(corpus, "13a").tolist() == pytest.approx(expected, abs=1e-10)


def test_on_prose_it_is_sacrebleus_within_and_pooled(prose: list[str]) -> None:
    rows, pools = drawn_pools(len(prose[:250]), seed=1)
    drawn = [prose[row] for row in rows]
    found = diversity_of_pools(drawn, pools, "13a")
    assert len(found) == 2
    pool = [s for text, of in zip(drawn, pools, strict=True) if of == 1 for s in long_sentences(text)]
    assert found[1] == pytest.approx(reference(pool), abs=1e-10)
    expected = [reference(group) for text in prose[:30] if len(group := long_sentences(text)) > 1]
    assert diversity_within(prose[:30], "13a").tolist() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("kind", FIXED)
def test_hard_texts_have_values_from_0_to_100_or_none(kind: str) -> None:
    corpus = FIXED[kind]
    for found in (diversity_within(corpus), diversity_of_pools(corpus, drawn_pools(len(corpus), 0)[1])):
        assert ((found >= -1e-9) & (found <= 100)).all()
    equal = diversity_within(["the same four words. the same four words."])
    assert equal.tolist() == pytest.approx([0], abs=1e-9)


@given(st.integers(0, 25_000), st.integers(0, 9))
def test_pools_are_disjoint_and_of_one_size(rows: int, seed: int) -> None:
    places, pools = drawn_pools(rows, seed)
    assert places.tolist() == sorted(set(places.tolist()))
    assert places.max(initial=0) < max(rows, 1)
    expected = [100] * min(rows // 100, 100) if rows >= 100 else [rows] * (rows > 0)
    assert np.bincount(pools).tolist() == expected


@pytest.mark.parametrize(
    "piece", ["[", "[a](", ".", ".'", "- ", "* ", "> ", "_", "|:", " ", "\n", "a. ", "`", "#"]
)
def test_a_hostile_text_takes_no_more_steps_than_it_has_characters(piece: str) -> None:
    """A pattern that backtracks would not come back from this."""
    long_sentences(piece * 300_000 + "x")
