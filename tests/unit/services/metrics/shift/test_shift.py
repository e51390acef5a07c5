"""No shift gives the value that means none; a known shift gives the value its formula says."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from sklearn.metrics import roc_auc_score

from services.metrics.problems import Unmeasurable
from services.metrics.semantic.moments import Moments
from services.metrics.semantic.vectors import Vectors, unit_rows
from services.metrics.shift.divergence import divergence
from services.metrics.shift.frechet import frechet_distance
from services.metrics.shift.lengths import length_edges, length_histogram, length_shift
from services.metrics.shift.mauve import area_under, divergence_curve, mauve
from services.metrics.shift.mmd import mmd
from services.metrics.shift.quantised import default_clusters, quantised_shift
from services.metrics.shift.two_sample import area_and_error, two_sample
from tests.unit.services.metrics.refusals import refused

counts = st.lists(st.integers(0, 50), min_size=2, max_size=30)


def cloud(count: int, seed: int, centre: float = 0.0) -> Vectors:
    offset = np.array([centre, 0, 0, 0, 0, 1])
    return unit_rows(np.random.default_rng(seed).normal(size=(count, 6)) + offset)


@given(counts, st.data(), st.floats(0.1, 2))
def test_divergences_equal_their_definitions(real: list[int], data: st.DataObject, smoothing: float) -> None:
    generated = data.draw(st.lists(st.integers(0, 50), min_size=len(real), max_size=len(real)))
    if not sum(real) or not sum(generated):
        return
    kept = [(a, b) for a, b in zip(real, generated, strict=True) if a + b]
    p, q = ([side[i] + smoothing for side in kept] for i in (0, 1))
    kl = sum(a / sum(p) * math.log((a / sum(p)) / (b / sum(q))) for a, b in zip(p, q, strict=True))
    u, v = ([side[i] / total for side in kept] for i, total in ((0, sum(real)), (1, sum(generated))))
    js = sum(x / 2 * math.log(2 * x / (a + b)) for a, b in zip(u, v, strict=True) for x in (a, b) if x)
    found = divergence(real, generated, smoothing=smoothing)
    assert found.kl == pytest.approx(kl, abs=1e-12)
    assert found.js == pytest.approx(js, abs=1e-12)
    assert found.kl_reverse == pytest.approx(divergence(generated, real, smoothing=smoothing).kl)
    assert found.bins == len(kept)
    assert found.js <= math.log(2) + 1e-12


@given(counts)
def test_a_dataset_does_not_diverge_from_itself(real: list[int]) -> None:
    if sum(real):
        found = divergence(real, real)
        assert (found.kl, found.kl_reverse, found.js) == (0, 0, 0)


@pytest.mark.parametrize(
    ("real", "generated", "smoothing", "code"),
    [
        ([0, 0], [1, 1], 0.5, "empty_dataset"),
        ([1], [1, 2], 0.5, "bin_mismatch"),
        ([1, 1], [1, 1], -1, "bad_smoothing"),
    ],
)
def test_what_has_no_divergence(real: list[int], generated: list[int], smoothing: float, code: str) -> None:
    with pytest.raises(Unmeasurable) as caught:
        divergence(real, generated, smoothing=smoothing)
    assert caught.value.code == code


def test_without_smoothing_kl_is_infinite_where_a_bin_is_missed_and_js_is_not() -> None:
    found = divergence([1, 1], [1, 0], smoothing=0)
    assert (found.kl, found.kl_reverse) == (math.inf, pytest.approx(math.log(2)))
    assert found.js == pytest.approx(divergence([1, 1], [1, 0]).js)


def test_length_bins_hold_every_length_once() -> None:
    edges = length_edges()
    assert list(edges[:10]) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert (np.diff(edges) > 0).all()
    assert {16, 32, 1024} <= set(edges.tolist())
    lengths = [0, 1, 8, 9, 1000, 2**31, 2**40]
    assert length_histogram(lengths).sum() == len(lengths)


@given(st.lists(st.integers(0, 10**6), min_size=1), st.lists(st.integers(0, 10**6), min_size=1))
def test_histograms_of_shards_add_up(a: list[int], b: list[int]) -> None:
    assert (length_histogram(a) + length_histogram(b) == length_histogram(a + b)).all()


def test_lengths_shift_by_tokens() -> None:
    shift = length_shift([10, 20, 30], [15, 25, 35])
    assert shift.wasserstein == pytest.approx(5)
    assert shift.divergence.js == pytest.approx(math.log(2))
    same = length_shift([10, 20], [10, 20])
    assert (same.wasserstein, same.divergence.kl) == (0, 0)


@pytest.mark.parametrize("fitted_on", ["both", "reference"])
def test_quantised_shift_of_a_dataset_from_itself_is_none(fitted_on: str) -> None:
    vectors = cloud(100, 0)
    shift = quantised_shift(vectors, vectors, fitted_on=fitted_on, seed=0)  # type: ignore[arg-type]
    assert (shift.divergence.kl, shift.divergence.js, shift.clusters) == (0, 0, 5)
    assert sum(shift.real_counts) == 100


def test_quantised_shift_grows_with_the_shift() -> None:
    real = cloud(600, 0)
    found = [
        quantised_shift(real, cloud(600, 1, centre), seed=0).divergence for centre in (0.0, 0.5, 1.0, 2.0)
    ]
    assert [d.kl for d in found] == sorted(d.kl for d in found)
    assert [d.js for d in found] == sorted(d.js for d in found)
    assert default_clusters(10) == 2
    assert default_clusters(10**6) == 100


def test_the_frechet_distance_equals_the_matrix_root_form() -> None:
    real, generated = cloud(200, 0), cloud(150, 1, 1.0) * 1.5
    a, b = np.cov(real, rowvar=False), np.cov(generated, rowvar=False)
    gap = real.mean(axis=0) - generated.mean(axis=0)
    expected = gap @ gap + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert frechet_distance(Moments.of(real), Moments.of(generated)) == pytest.approx(expected, rel=1e-9)


def test_the_frechet_distance_of_gaussians_is_known() -> None:
    random = np.random.default_rng(0)
    real = random.normal(size=(100_000, 3))
    generated = random.normal(size=(100_000, 3)) * 2 + [1, 0, 0]
    assert frechet_distance(Moments.of(real), Moments.of(generated)) == pytest.approx(1 + 3, rel=0.02)
    assert frechet_distance(Moments.of(real), Moments.of(real)) == pytest.approx(0, abs=1e-9)


def test_fewer_rows_than_dimensions_still_have_a_distance() -> None:
    random = np.random.default_rng(0)
    real, generated = random.normal(size=(5, 40)), random.normal(size=(7, 40))
    assert 0 < frechet_distance(Moments.of(real), Moments.of(generated)) < 400


def naive_mmd(x: Vectors, y: Vectors, sigma: float) -> float:
    def kernel(a: Vectors, b: Vectors) -> Vectors:
        return np.exp(-((a[:, None] - b) ** 2).sum(axis=2) / (2 * sigma**2))

    m, n = len(x), len(y)
    within = [(kernel(s, s).sum() - len(s)) / (len(s) * (len(s) - 1)) for s in (x, y)]
    return float(sum(within) - 2 * kernel(x, y).sum() / (m * n))


@settings(max_examples=30)
@given(st.integers(2, 20), st.integers(2, 20), st.integers(0, 1000))
def test_mmd_equals_its_definition(m: int, n: int, seed: int) -> None:
    x, y = cloud(m, seed), cloud(n, seed + 1)
    found = mmd(x, y, permutations=19, seed=0)
    pooled = np.concatenate([x, y])
    distances = np.linalg.norm(pooled[:, None] - pooled, axis=2)[np.triu_indices(m + n, 1)]
    assert found.bandwidth == pytest.approx(math.sqrt(np.median(distances**2)))
    assert found.squared == pytest.approx(naive_mmd(x, y, found.bandwidth), abs=1e-9)


def test_mmd_sees_a_shift_and_only_a_shift() -> None:
    assert mmd(cloud(150, 0), cloud(150, 1, 1.0), seed=0).p_value < 0.01
    p_values = [
        mmd(cloud(40, seed), cloud(60, seed + 500), permutations=99, seed=seed).p_value for seed in range(60)
    ]
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean(np.asarray(p_values) <= 0.05) < 0.15


def test_a_dataset_from_itself_has_no_discrepancy() -> None:
    found = mmd(cloud(50, 0), cloud(50, 0), seed=0)
    assert found.squared <= 0
    assert found.p_value > 0.9
    same = mmd(np.ones((4, 2)), np.ones((5, 2)), seed=0)
    assert (same.squared, same.p_value) == (pytest.approx(0), 1)


def test_large_sides_are_sampled_and_it_is_said() -> None:
    found = mmd(cloud(90, 0), cloud(70, 1), most_rows=60, permutations=19, seed=0)
    assert (found.real_rows, found.generated_rows) == (60, 60)


def test_mauve_lies_between_its_ends() -> None:
    same = mauve(cloud(300, 0), cloud(300, 0), seed=0)
    apart = mauve(cloud(300, 0), cloud(300, 1, 8.0), seed=0)
    near = mauve(cloud(300, 0), cloud(300, 1, 0.6), seed=0)
    assert same.value == pytest.approx(1)
    assert apart.value == pytest.approx(0.0, abs=0.02)
    assert apart.value < near.value < same.value
    assert (same.clusters, same.small) == (30, True)


def test_the_divergence_curve_of_known_histograms() -> None:
    p, q = np.array([0.5, 0.5, 0]), np.array([0, 0.5, 0.5])
    curve = divergence_curve(p, q)
    middle = np.array([0.25, 0.5, 0.25])
    kl = 0.5 * math.log(0.5 / middle[0])
    assert curve.shape == (27, 2)
    assert curve[13] == pytest.approx([math.exp(-5 * kl), math.exp(-5 * kl)])
    assert [tuple(curve[0]), tuple(curve[-1])] == [(1, 0), (0, 1)]
    assert area_under(divergence_curve(p, p)) == pytest.approx(1)
    assert area_under(divergence_curve(np.array([1.0, 0]), np.array([0, 1.0]))) == pytest.approx(0, abs=0.05)


@given(
    st.lists(st.integers(0, 5), min_size=2, max_size=40), st.lists(st.integers(0, 5), min_size=2, max_size=40)
)
def test_the_auc_counts_ties_half(negative: list[int], positive: list[int]) -> None:
    auc, error = area_and_error(np.asarray(negative, float), np.asarray(positive, float))
    labels = [0] * len(negative) + [1] * len(positive)
    assert auc == pytest.approx(roc_auc_score(labels, negative + positive))
    assert error >= 0


def test_a_classifier_tells_shifted_rows_and_names_them() -> None:
    real, generated = cloud(120, 0), cloud(80, 1, 3.0)
    found = two_sample(real, generated, shown=15, seed=0)
    assert found.auc > 0.95
    assert found.interval.low < found.auc <= found.interval.high <= 1
    assert len(found.telltales) == 15
    right = [t.probability if t.side == "generated" else 1 - t.probability for t in found.telltales]
    assert right == sorted(right, reverse=True)
    assert all(0 <= t.row < (80 if t.side == "generated" else 120) for t in found.telltales)


def test_a_dataset_cannot_be_told_from_itself() -> None:
    """Without holding twins out together, the AUC would be far below one half."""
    found = two_sample(cloud(60, 0), cloud(60, 0), seed=0)
    assert found.auc == pytest.approx(0.5, abs=0.02)


def test_samples_of_one_source_are_told_apart_by_chance_only() -> None:
    found = [two_sample(cloud(80, seed), cloud(80, seed + 99), seed=0) for seed in range(20)]
    assert np.mean([f.auc for f in found]) == pytest.approx(0.5, abs=0.05)


def frechet(real: Vectors, generated: Vectors) -> float:
    return frechet_distance(Moments.of(real), Moments.of(generated))


SHIFTS: dict[str, Callable[[Vectors, Vectors], object]] = {
    "quantised": lambda real, generated: quantised_shift(real, generated, seed=0),
    "mmd": lambda real, generated: mmd(real, generated, seed=0),
    "mauve": lambda real, generated: mauve(real, generated, seed=0),
    "two-sample": lambda real, generated: two_sample(real, generated, seed=0),
    "frechet": frechet,
}


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS.keys())
def test_shifts_refuse_what_is_not_comparable(shift: Callable[[Vectors, Vectors], object]) -> None:
    broken = cloud(20, 0)
    broken[3] = np.nan
    for real, generated, code in [
        (cloud(20, 0)[:0], cloud(20, 0), "empty_dataset"),
        (cloud(20, 0), cloud(20, 0)[:0], "empty_dataset"),
        (cloud(20, 0), cloud(20, 0)[:, :4], "dimension_mismatch"),
        (cloud(20, 0), broken, "nan_embeddings"),
    ]:
        with pytest.raises(Unmeasurable) as caught, np.errstate(all="ignore"):
            shift(real, generated)
        assert caught.value.code == code


@pytest.mark.parametrize("name", ["mmd", "mauve", "frechet", "two-sample"])
def test_one_row_has_no_shift_of_these_kinds(name: str) -> None:
    with refused("too_few_rows"):
        SHIFTS[name](cloud(20, 0), cloud(1, 0))
