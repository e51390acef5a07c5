"""All measures at once equal each by itself, wherever and in however many pieces the work is done."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.lexical import (
    CompressionState,
    Tokens,
    distinct_ns,
    expectation_adjusted_distinct,
    ngram_diversity,
    ngram_entropies,
    self_bleu,
    self_repetition,
)
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.runners.local import LocalProcesses
from services.metrics.lexical.runners.measure import measure_texts
from services.metrics.lexical.settings import LexicalSettings
from services.metrics.lexical.text.texts import Texts
from services.metrics.lexical.values import Value
from tests.unit.services.metrics.lexical.adversarial import FIXED, either
from tests.unit.services.metrics.lexical.plain import figures

ORDERS = (1, 2, 3, 4, 5)


def read_rows(path: Path, group: int) -> Texts:
    return pq.ParquetFile(path).read_row_group(group, ["text"]).column("text")


def pieces(texts: list[str], size: int) -> list[list[str]]:
    return [texts[i : i + size] for i in range(0, len(texts), size)]


@settings(max_examples=50)
@given(either)
def test_each_value_is_the_measures_own(corpus: list[str]) -> None:
    tokens, found = Tokens.of(corpus), measure_texts([corpus])
    assert list(found.distinct.values()) == distinct_ns(tokens, ORDERS)
    assert list(found.entropy.values()) == ngram_entropies(tokens, ORDERS)
    assert list(found.ead.values()) == [expectation_adjusted_distinct(tokens, order) for order in ORDERS]
    assert found.ngram_diversity == ngram_diversity(tokens)
    assert found.self_bleu == self_bleu(tokens)
    for formula, value in found.self_repetition.items():
        assert value == self_repetition(tokens, formula=formula)
    assert found.compression == CompressionState.of(corpus).value()


@settings(max_examples=50)
@given(st.lists(either, max_size=4), st.sampled_from([1, 1 << 30]))
def test_shards_and_slices_change_nothing(shards: list[list[str]], memory: int) -> None:
    whole = measure_texts([[text for shard in shards for text in shard]])
    assert figures(measure_texts(shards, memory=memory)) == figures(whole)


@pytest.mark.parametrize("kind", FIXED)
def test_hard_texts_have_a_finite_value_or_a_reason(kind: str) -> None:
    found = measure_texts([FIXED[kind]])
    for name, figure in figures(found).items():
        if isinstance(figure, Value):
            assert (figure.value is None) == bool(figure.reason), name
            assert figure.value is None or math.isfinite(figure.value), name


def test_two_processes_give_the_same_from_parquet(prose: list[str], tmp_path: Path) -> None:
    path = tmp_path / "texts.parquet"
    pq.write_table(pa.table({"text": prose}), path, row_group_size=len(prose) // 3)
    groups = pq.ParquetFile(path).num_row_groups
    shards = [partial(read_rows, path, group) for group in range(groups)]
    runner = LocalProcesses(2, tmp_path)
    assert figures(measure_texts(shards, runner=runner)) == figures(measure_texts([prose]))
    assert list(tmp_path.iterdir()) == [path]


def test_other_settings() -> None:
    corpus = ["A cat, a dog.", "A cat and a dog!", "Two birds."]
    chosen = LexicalSettings(
        tokeniser="whitespace",
        orders=(2,),
        longest=2,
        convention="sacrebleu",
        repetition_order=1,
        compression=False,
    )
    found = measure_texts([corpus], chosen)
    tokens = Tokens.of(corpus, "whitespace")
    assert list(found.distinct) == [2]
    assert found.self_bleu == self_bleu(tokens, 2, convention="sacrebleu")
    assert found.self_repetition["paper"] == self_repetition(tokens, 1)
    assert found.compression.reason == "not asked for"
    assert found.settings.tokeniser == "whitespace"
    with pytest.raises(LexicalError, match="at least one"):
        LexicalSettings(orders=())
