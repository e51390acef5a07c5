"""Count states against Counter; merging, slicing and looking up."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.errors import LexicalError, UnlikeStates
from services.metrics.lexical.ngrams.partition import Slice
from services.metrics.lexical.ngrams.spectrum import Spectrum
from services.metrics.lexical.ngrams.states import NgramCounts, NgramDocuments, find
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import counted, either, ngrams, words


def columns(state: NgramCounts | NgramDocuments) -> dict[int, tuple[int, ...]]:
    names = ["counts"] if isinstance(state, NgramCounts) else ["counts", "documents", "largest", "second"]
    rows = zip(*(getattr(state, name).tolist() for name in names), strict=True)
    return dict(zip(state.keys.tolist(), rows, strict=True))


def naive_documents(corpus: list[str], order: int) -> list[tuple[int, ...]]:
    found = defaultdict(list)
    for text in corpus:
        for gram, count in Counter(ngrams(words(text), order)).items():
            found[gram].append(count)
    ranked = [sorted(counts, reverse=True) for counts in found.values()]
    return [(sum(c), len(c), c[0], c[1] if len(c) > 1 else 0) for c in ranked]


@given(either, st.integers(1, 5))
def test_counts_are_those_of_a_counter(corpus: list[str], order: int) -> None:
    tokens = Tokens.of(corpus)
    assert Counter(columns(NgramCounts.of(tokens, order)).values()) == Counter(
        (count,) for count in counted(corpus, order).values()
    )
    assert Counter(columns(NgramDocuments.of(tokens, order)).values()) == Counter(
        naive_documents(corpus, order)
    )


@pytest.mark.parametrize("kind", [NgramCounts, NgramDocuments])
@given(shards=st.lists(either, min_size=2, max_size=4), order=st.integers(1, 3))
def test_merged_shards_are_the_whole(
    kind: type[NgramCounts] | type[NgramDocuments], shards: list[list[str]], order: int
) -> None:
    first, *rest = (kind.of(Tokens.of(shard), order) for shard in shards)
    whole = kind.of(Tokens.of([text for shard in shards for text in shard]), order)
    assert columns(first.merge(*rest)) == columns(whole)


@given(either, st.sampled_from([2, 4, 64]))
def test_slices_divide_the_whole(corpus: list[str], of: int) -> None:
    tokens = Tokens.of(corpus)
    slices = [NgramCounts.of(tokens, 2, Slice(index, of)) for index in range(of)]
    together = [item for state in slices for item in columns(state).items()]
    assert dict(together) == columns(NgramCounts.of(tokens, 2))
    spectrum = Spectrum.of(np.zeros(0, np.int64))
    for state in slices:
        spectrum = spectrum.merge(state.spectrum())
    whole = NgramCounts.of(tokens, 2).spectrum()
    assert (spectrum.counts.tolist(), spectrum.kinds.tolist()) == (
        whole.counts.tolist(),
        whole.kinds.tolist(),
    )


def test_a_large_set_has_the_counts_of_a_counter(prose: list[str]) -> None:
    for order in (1, 3):
        state = NgramDocuments.of(Tokens.of(prose), order)
        assert sorted(columns(state).values()) == sorted(naive_documents(prose, order))


def test_find_tells_where_each_key_stands() -> None:
    keys = np.array([5, 2**63, 9], np.uint64)
    assert find(np.array([9, 7, 5, 9], np.uint64), keys).tolist() == [2, -1, 0, 2]


def test_unlike_states_are_not_merged() -> None:
    tokens = Tokens.of(["a b c"])
    with pytest.raises(UnlikeStates, match="another order"):
        NgramCounts.of(tokens, 1).merge(NgramCounts.of(tokens, 2))
    with pytest.raises(UnlikeStates, match="not seen"):
        NgramDocuments.of(tokens, 1).clipped(Tokens.of(["d"]))
    with pytest.raises(LexicalError, match="slice 0 of 3"):
        Slice(0, 3)


def test_counts_far_above_the_tally_are_kept() -> None:
    spectrum = Spectrum.of(np.array([1, 1, 70_000, 70_000, 99_999], np.int64))
    assert (spectrum.total, spectrum.distinct, spectrum.once) == (240_001, 5, 2)
