"""Compression against gzip itself; blocks that do not depend on shards."""

from __future__ import annotations

import gzip
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.compression import CompressionState, compression_ratio, gzip_sizes
from tests.unit.services.metrics.lexical.adversarial import corpora


@given(corpora, st.integers(1, 9))
def test_one_stream_is_gzips_byte_for_byte(corpus: list[str], level: int) -> None:
    joined = " ".join(corpus).encode()
    assert gzip_sizes(corpus, level) == (len(joined), len(gzip.compress(joined, level)))
    value = compression_ratio(corpus, level=level).value
    assert value == (len(joined) / len(gzip.compress(joined, level)) if corpus else None)


@given(st.lists(corpora, min_size=1, max_size=4), st.sampled_from([4, 16, 1 << 20]))
def test_shards_merge_into_the_whole(shards: list[list[str]], block: int) -> None:
    merged = CompressionState.of(shards[0], block)
    for shard in shards[1:]:
        merged = merged.merge(CompressionState.of(shard, block))
    assert merged == CompressionState.of([text for shard in shards for text in shard], block)


def test_blocks_end_within_prose_and_cost_little(prose: list[str]) -> None:
    block = 1 << 16
    texts = [f"{number} {text}" for number, text in enumerate(prose * 2)]
    state = CompressionState.of(texts, block)
    assert state.blocks > 3
    assert state.raw == sum(len(text.encode()) + 1 for text in texts)
    middle = len(texts) // 3
    halves = (CompressionState.of(half, block) for half in (texts[:middle], texts[middle:]))
    assert reduce(CompressionState.merge, halves) == state
    assert state.value().value == pytest.approx(compression_ratio(texts).value, rel=0.1)


def test_repetitive_text_compresses_better() -> None:
    assert (
        compression_ratio(["the same words"] * 50).value
        > compression_ratio([f"word{i} other{i * 7919}" for i in range(50)]).value
    )


def test_no_texts_and_unknown_levels() -> None:
    assert compression_ratio([]).reason == CompressionState.of([]).value().reason == "there are no texts"
    assert CompressionState.of([""]).value().value > 0
    with pytest.raises(LexicalError, match="levels 1 to 9"):
        compression_ratio(["a"], level=0)
