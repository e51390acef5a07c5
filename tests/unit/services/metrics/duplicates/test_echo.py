"""A row repeats its prompt when the two share a run of so many words, as `shared.text.shingles` has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.duplicates.echo import Echoes, echoes, example_runs
from services.metrics.lexical import Tokens
from services.metrics.lexical.errors import UnlikeStates
from shared.text.shingles import Tokenised

texts = st.lists(st.text(alphabet="abc 中文. '", max_size=30), min_size=1, max_size=6)


def runs(text: str, words: int) -> list[tuple[str, ...]]:
    found = Tokenised.of(text)
    return [tuple(found.tokens[begin:end]) for begin, end in found.runs(words)]


@given(texts, st.data(), st.integers(2, 4))
def test_echoes_equal_their_definition(own: list[str], data: st.DataObject, words: int) -> None:
    asked = data.draw(
        st.lists(st.text(alphabet="abc 中文. '", max_size=60), min_size=len(own), max_size=len(own))
    )
    examples = data.draw(texts)
    shown = {run for example in examples for run in runs(example, words)}
    known = example_runs(Tokens.of(examples), words)
    found = echoes(Tokens.of(own), Tokens.of(asked), words, known)
    for row, (text, prompt) in enumerate(zip(own, asked, strict=True)):
        repeated = [run for run in runs(text, words) if run in set(runs(prompt, words))]
        assert found.runs[row] == len(runs(text, words))
        assert found.repeated[row] == len(repeated)
        assert found.copied[row] == sum(run in shown for run in repeated)


def test_a_text_too_short_for_a_run_repeats_nothing() -> None:
    found = echoes(Tokens.of(["a b c"]), Tokens.of(["a b c d e"]), 4)
    assert (found.runs[0], found.repeated[0]) == (0, 0)


def test_shards_merge() -> None:
    one = echoes(Tokens.of(["a b c"]), Tokens.of(["x a b c"]), 2)
    two = echoes(Tokens.of(["a b", "q"]), Tokens.of(["b a", "q"]), 2)
    both = echoes(Tokens.of(["a b c", "a b", "q"]), Tokens.of(["x a b c", "b a", "q"]), 2)
    merged = Echoes.merge(one, two)
    for name in ("runs", "repeated", "copied"):
        assert np.array_equal(getattr(merged, name), getattr(both, name))


def test_every_text_needs_its_prompt() -> None:
    with pytest.raises(UnlikeStates):
        echoes(Tokens.of(["a"]), Tokens.of(["a", "b"]), 2)
