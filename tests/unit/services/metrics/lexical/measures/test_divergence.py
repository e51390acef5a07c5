"""KL and Jensen-Shannon against Counter and scipy."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from services.metrics.lexical.errors import LexicalError, UnlikeStates
from services.metrics.lexical.measures.divergence import JointSpectrum, divergence, joint_divergence
from services.metrics.lexical.ngrams.partition import Slice
from services.metrics.lexical.ngrams.states import NgramCounts
from services.metrics.lexical.text.tokens import Tokens
from tests.unit.services.metrics.lexical.adversarial import counted, either


def aligned(real: list[str], generated: list[str], order: int) -> np.ndarray:
    left, right = counted(real, order), counted(generated, order)
    return np.array([(left[gram], right[gram]) for gram in left | right], float).reshape(-1, 2).T


@given(either, either, st.integers(1, 3), st.sampled_from([0.5, 1e-6]), st.sampled_from([2, math.e]))
def test_equal_to_scipy(
    real: list[str], generated: list[str], order: int, smoothing: float, base: float
) -> None:
    found = divergence(Tokens.of(real), Tokens.of(generated), order, smoothing=smoothing, base=base)
    p, q = aligned(real, generated, order)
    if not p.sum() or not q.sum():
        assert found.kl.value is found.js.value is None
        assert found.kl.reason
        return
    smooth = [(counts + smoothing) / (counts + smoothing).sum() for counts in (p, q)]
    assert found.kl.value == pytest.approx(rel_entr(*smooth).sum() / math.log(base), abs=1e-12)
    assert found.js.value == pytest.approx(jensenshannon(p, q, base) ** 2, abs=1e-12)


def test_direction_is_real_to_generated() -> None:
    real, generated = Tokens.of(["a a a b"]), Tokens.of(["a c"])
    p, q = (3.5 / 5.5, 1.5 / 5.5, 0.5 / 5.5), (1.5 / 3.5, 0.5 / 3.5, 1.5 / 3.5)
    expected = sum(x * math.log2(x / y) for x, y in zip(p, q, strict=True))
    assert divergence(real, generated).kl.value == pytest.approx(expected, rel=1e-12)
    assert divergence(generated, real).kl.value != pytest.approx(expected, rel=1e-3)
    assert divergence(real, generated).js.value == pytest.approx(divergence(generated, real).js.value)


@given(either.filter(any))
def test_a_set_is_at_no_distance_from_itself_and_disjoint_sets_at_one_bit(corpus: list[str]) -> None:
    tokens = Tokens.of(corpus)
    if not len(tokens.hashes):
        return
    same = divergence(tokens, tokens)
    assert (same.kl.value, same.js.value) == (0.0, 0.0)
    assert divergence(tokens, Tokens.of(["elsewhere"])).js.value == pytest.approx(1.0, abs=1e-12)


@given(either, either, either)
def test_shards_and_slices_give_the_whole_bit_for_bit(a: list[str], b: list[str], c: list[str]) -> None:
    whole = divergence(Tokens.of(a + b), Tokens.of(c + a), 2)
    count = [NgramCounts.of(Tokens.of(corpus), 2) for corpus in (a, b, c)]
    by_shard = JointSpectrum.of_counts(count[0].merge(count[1]), count[2].merge(count[0]))
    assert joint_divergence(by_shard, 2) == whole
    slices = [JointSpectrum.of_tokens(Tokens.of(a + b), Tokens.of(c + a), 2, Slice(i, 4)) for i in range(4)]
    by_slice = slices[0].merge(slices[1]).merge(slices[2]).merge(slices[3])
    assert joint_divergence(by_slice, 2) == whole


def test_the_joint_spectrum_is_of_pairs() -> None:
    joint = JointSpectrum.of_tokens(Tokens.of(["a a b"]), Tokens.of(["b c d"]), 1)
    pairs = zip(joint.real.tolist(), joint.generated.tolist(), joint.kinds.tolist(), strict=True)
    assert Counter({(r, g): k for r, g, k in pairs}) == Counter({(2, 0): 1, (1, 1): 1, (0, 1): 2})
    assert joint.totals == (3, 3)


def test_what_cannot_be_compared_is_refused() -> None:
    tokens = Tokens.of(["a"])
    with pytest.raises(LexicalError, match="negative"):
        divergence(tokens, tokens, smoothing=-1)
    with pytest.raises(LexicalError, match="base above 1"):
        divergence(tokens, tokens, base=1)
    with pytest.raises(UnlikeStates, match="one tokeniser"):
        divergence(tokens, Tokens.of(["a"], "whitespace"))
    assert divergence(tokens, Tokens.of([])).kl.reason == "the generated texts have no n-grams of this order"
    assert divergence(Tokens.of([""]), tokens).js.reason == "the real texts have no n-grams of this order"
