"""Each fast form equals the definition in a few lines, and bad embeddings are named, never averaged in."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.intervals.vendi import vendi_interval
from services.metrics.problems import Unmeasurable
from services.metrics.semantic.clusters import cluster_spread
from services.metrics.semantic.dcscore import dcscore
from services.metrics.semantic.moments import Moments
from services.metrics.semantic.pairwise import (
    chamfer,
    mean_cosine_distance,
    mean_cosine_distance_of_moments,
    remote_clique,
)
from services.metrics.semantic.vectors import Vectors, unit_rows
from services.metrics.semantic.vendi import vendi, vendi_of_moments
from tests.unit.services.metrics.refusals import refused

orders = st.sampled_from([0.5, 1.0, 1.5, 2.0, 5.0, math.inf])


@st.composite
def unit_vectors(draw: st.DrawFn, least: int = 1) -> Vectors:
    """Unit rows, often with twins, with fewer or more rows than dimensions."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = unit_rows(random.normal(size=(draw(st.integers(least, 40)), draw(st.integers(1, 12)))))
    return np.concatenate([rows, rows[: draw(st.integers(0, len(rows)))]])


def naive_vendi(vectors: Vectors, order: float) -> float:
    """From the n × n kernel, as the paper defines it."""
    spectrum = np.linalg.eigvalsh(vectors @ vectors.T / len(vectors))
    spectrum = spectrum[spectrum > 1e-12]
    if order == 1:
        return float(np.exp(-(spectrum * np.log(spectrum)).sum()))
    if order == math.inf:
        return float(1 / spectrum.max())
    return float((spectrum**order).sum() ** (1 / (1 - order)))


@given(unit_vectors(), orders)
def test_vendi_equals_its_definition_in_every_form(vectors: Vectors, order: float) -> None:
    expected = naive_vendi(vectors, order)
    assert vendi(vectors, order) == pytest.approx(expected, rel=1e-6)
    assert vendi_of_moments(Moments.of(vectors), order) == pytest.approx(expected, rel=1e-6)
    assert 1 - 1e-9 <= expected <= min(vectors.shape) + 1e-9


def test_vendi_knows_how_many_kinds_there_are() -> None:
    kinds = np.repeat(np.eye(4), 5, axis=0)
    for order in (0.5, 1.0, 2.0, math.inf):
        assert vendi(kinds, order) == pytest.approx(4)
    assert vendi(kinds, 0) == 4
    assert vendi(np.eye(3)[:1]) == 1


@pytest.mark.parametrize("order", [900.0, 1000.0])
def test_a_high_order_is_near_the_infinite_one(order: float) -> None:
    """Its powers of the eigenvalues are all too small to write down."""
    vectors = np.eye(8)
    assert vendi(vectors, order) == pytest.approx(vendi(vectors, math.inf))
    interval = vendi_interval(vectors, order)
    assert interval.low <= interval.high < math.inf


def test_vendi_of_single_precision_does_not_count_its_rounding() -> None:
    """Low orders weigh eigenvalues that are nothing but rounding as much as any."""
    kinds = unit_rows(np.random.default_rng(0).normal(size=(3, 40)).astype(np.float32))[np.arange(600) % 3]
    for order in (0, 0.25, 0.5):
        assert vendi(kinds, order) == pytest.approx(naive_vendi(kinds.astype(np.float64), order), rel=1e-5)


def test_vendi_of_any_order_is_finite_and_falls_with_it() -> None:
    vectors = unit_rows(np.random.default_rng(1).normal(size=(200, 30)))
    scores = [vendi(vectors, order) for order in (0, 0.5, 1 - 1e-12, 1, 1 + 1e-12, 2, 50, 1000, math.inf)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-2] == pytest.approx(scores[-1], rel=0.01)


@pytest.mark.parametrize("order", [-1.0, math.nan])
def test_orders_below_zero_are_refused(order: float) -> None:
    with refused("bad_order"):
        vendi(np.eye(2), order)


@given(unit_vectors(least=2))
def test_mean_cosine_distance_equals_the_mean_over_pairs(vectors: Vectors) -> None:
    pairs = 1 - (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    assert mean_cosine_distance(vectors) == pytest.approx(pairs.mean(), abs=1e-9)
    assert mean_cosine_distance_of_moments(Moments.of(vectors)) == pytest.approx(pairs.mean(), abs=1e-9)
    assert remote_clique(vectors, "cosine") == pytest.approx(pairs.mean(), abs=1e-9)


@given(unit_vectors(least=2))
def test_remote_clique_and_chamfer_leave_out_the_row_itself(vectors: Vectors) -> None:
    for name, distance in {
        "euclidean": np.linalg.norm(vectors[:, None] - vectors, axis=2),
        "angular": np.arccos(np.clip(vectors @ vectors.T, -1, 1)) / np.pi,
    }.items():
        others = distance[~np.eye(len(vectors), dtype=bool)].reshape(len(vectors), -1)
        assert remote_clique(vectors, name) == pytest.approx(others.mean(), abs=1e-6)  # type: ignore[arg-type]
        assert chamfer(vectors, name) == pytest.approx(others.min(axis=1).mean(), abs=1e-6)  # type: ignore[arg-type]


@given(unit_vectors(), st.sampled_from([1.0, 0.1, 0.001]))
def test_dcscore_equals_its_definition(vectors: Vectors, temperature: float) -> None:
    similarities = vectors @ vectors.T / temperature
    softmax = np.exp(similarities - similarities.max(axis=1, keepdims=True))
    expected = np.trace(softmax / softmax.sum(axis=1, keepdims=True))
    assert dcscore(vectors, temperature) == pytest.approx(expected, rel=1e-6)
    assert 0 < dcscore(vectors, temperature) <= len(vectors) + 1e-9


@given(unit_vectors(least=2), st.integers(1, 3))
def test_moments_of_shards_add_up(vectors: Vectors, cuts: int) -> None:
    shards = [Moments.of(shard) for shard in np.array_split(vectors, cuts) if len(shard)]
    merged = sum(shards[1:], shards[0])
    whole = Moments.of(vectors)
    assert merged.count == whole.count
    np.testing.assert_allclose(merged.total, whole.total, atol=1e-12)
    np.testing.assert_allclose(
        merged.covariance, np.cov(vectors, rowvar=False).reshape(whole.second.shape), atol=1e-9
    )


def test_single_precision_moments_keep_six_digits() -> None:
    vectors = unit_rows(np.random.default_rng(0).normal(size=(20_000, 64)) + 1)
    assert vendi(vectors.astype(np.float32)) == pytest.approx(vendi(vectors), rel=1e-6)


@settings(max_examples=20)
@given(unit_vectors(least=2), st.integers(1, 9))
def test_clusters_hold_every_row(vectors: Vectors, k: int) -> None:
    spread = cluster_spread(vectors, k, seed=0)
    assert sum(spread.counts) == len(vectors)
    assert len(spread.counts) <= spread.k <= k
    assert 1 - 1e-9 <= spread.effective <= len(spread.counts) + 1e-9
    assert 0 <= spread.evenness <= 1 + 1e-9


def test_well_parted_clusters_are_found() -> None:
    centres = np.repeat(np.eye(5) * 10, [10, 20, 30, 40, 50], axis=0)
    vectors = centres + np.random.default_rng(1).normal(scale=0.01, size=centres.shape)
    assert cluster_spread(vectors, 5, seed=3).counts == (50, 40, 30, 20, 10)


def test_equal_rows_are_one_cluster() -> None:
    spread = cluster_spread(np.ones((6, 2)), 4, seed=0)
    assert (spread.k, spread.counts, spread.entropy, spread.evenness) == (1, (6,), 0.0, 0.0)


def bad_rows() -> dict[str, Vectors]:
    broken = np.eye(4)
    broken[2, 1] = np.nan
    infinite = np.eye(4)
    infinite[3, 3] = np.inf
    return {"nan": broken, "infinity": infinite}


@pytest.mark.parametrize("vectors", bad_rows().values(), ids=bad_rows().keys())
@pytest.mark.parametrize("measure", [vendi, mean_cosine_distance, remote_clique, chamfer, dcscore, unit_rows])
def test_embeddings_that_are_not_numbers_are_named(measure: object, vectors: Vectors) -> None:
    with pytest.raises(Unmeasurable, match="1 of 4 rows") as caught, np.errstate(all="ignore"):
        measure(vectors)  # type: ignore[operator]
    assert caught.value.code == "nan_embeddings"


@pytest.mark.parametrize("measure", [vendi, mean_cosine_distance, remote_clique, chamfer, dcscore])
def test_no_rows_have_no_diversity(measure: object) -> None:
    with refused("empty_dataset"):
        measure(np.zeros((0, 3)))  # type: ignore[operator]


def test_one_row_has_no_pairs() -> None:
    with refused("too_few_rows"):
        mean_cosine_distance(np.eye(2)[:1])


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([[0.0, 0.0], [1, 0]], "zero_embeddings"),
        ([[1.0], [1, 2]], "bad_embeddings"),
        ([1.0, 2], "bad_embeddings"),
        ([["a"]], "bad_embeddings"),
    ],
)
def test_what_is_no_table_of_directions_is_refused(values: list[object], code: str) -> None:
    with pytest.raises(Unmeasurable) as caught:
        unit_rows(values)  # type: ignore[arg-type]
    assert caught.value.code == code
