"""What measuring takes, before anything is measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.estimates.jobs import estimate
from services.metrics.estimates.seconds import FASTER, SLOWER, measuring_seconds
from shared.contracts.base import JobRequest
from shared.contracts.estimates import Coming
from shared.contracts.fields import Range
from shared.contracts.measurement import ComparisonRequest, EmbeddingRequest, MeasurementRequest, Metric
from shared.contracts.mixture import MixtureRequest, SampleRequest
from shared.contracts.report import ReportRequest, ReportRun
from shared.estimates import KnownInputs
from shared.store.local import LocalStore

SMALL, LARGE, UNKNOWN = ("dataset-" + letter * 32 for letter in "abc")
AMOUNTS = {SMALL: (400.0, 46_000.0), LARGE: (4000.0, 460_000.0)}


def seconds(
    request: JobRequest, amounts: Callable[[str], tuple[float, float]] = AMOUNTS.__getitem__
) -> Range:
    return measuring_seconds(request, [amounts(name) for name in request.input_artifacts().values()])


MEASURED: list[tuple[JobRequest, float]] = [
    (MeasurementRequest(dataset=SMALL, reference=SMALL, pictures=False), 0.64),
    (MeasurementRequest(dataset=SMALL, reference=SMALL, pictures=["map_tsne"]), 3.8),
    (MeasurementRequest(dataset=LARGE, pictures=False), 2.5),
    (ComparisonRequest(datasets={"a": SMALL, "b": SMALL}), 3.8),
    (MixtureRequest(real=SMALL, generated=LARGE, rho=0.2), 0.08),
]
"""CPU seconds that such jobs took on one x86-64 core; of the mixture, seconds from its start to its end."""


@pytest.mark.parametrize(("request_", "took"), MEASURED, ids=["text", "maps", "large", "compared", "mixed"])
def test_what_jobs_took_lies_in_the_range(request_: JobRequest, took: float) -> None:
    found = seconds(request_)
    assert found.low / 2 <= took <= found.high
    assert found.low <= found.expected <= found.high


def test_what_it_follows_from_must_be_known(local_store: LocalStore) -> None:
    known = KnownInputs(local_store, {SMALL: Coming(rows=400, bytes=276_000)})
    there = estimate(MeasurementRequest(dataset=SMALL), known)
    assert there.seconds == seconds(MeasurementRequest(dataset=SMALL))
    assert estimate(MeasurementRequest(dataset=UNKNOWN), known).seconds is None
    assert estimate(MixtureRequest(real=SMALL, generated=UNKNOWN, rho=0.5), known).seconds is None


def test_a_map_costs_a_measurement_most_of_its_time_and_shows_a_thousand_rows_at_most() -> None:
    def maps(dataset: str) -> float:
        drawn, plain = (
            seconds(MeasurementRequest(dataset=dataset, pictures=pictures))
            for pictures in (["map_tsne"], ["map_pca"])
        )
        return drawn.low - plain.low

    assert maps(SMALL) > seconds(MeasurementRequest(dataset=SMALL, pictures=False)).low
    assert maps(LARGE) < 3 * maps(SMALL)


def test_a_comparison_at_unequal_sizes_may_take_as_many_draws() -> None:
    equal = ComparisonRequest(datasets={"a": SMALL, "b": SMALL}, draws=7)
    cut = ComparisonRequest(datasets={"a": SMALL, "b": LARGE}, draws=7)
    assert seconds(equal).high / seconds(equal).low == pytest.approx(SLOWER / FASTER)
    assert seconds(cut).high / seconds(cut).low == pytest.approx(7 * SLOWER / FASTER)


def test_a_model_embeds_each_row_and_nobody_knows_on_what() -> None:
    plain = seconds(EmbeddingRequest(dataset=SMALL))
    model = seconds(EmbeddingRequest(dataset=SMALL, embedding="all-MiniLM-L6-v2"))
    assert model.high - plain.high == pytest.approx(400 * 0.05)
    assert model.low - plain.low == pytest.approx(400 * 0.001)


def test_rarer_measures_widen_the_range_and_never_narrow_it() -> None:
    usual = seconds(MeasurementRequest(dataset=LARGE, reference=SMALL))
    rare = seconds(MeasurementRequest(dataset=LARGE, reference=SMALL, metrics=[Metric.DEFAULT, Metric.MMD]))
    assert rare.low == usual.low
    assert rare.high > usual.high


def test_a_report_follows_from_its_runs() -> None:
    def report(runs: int) -> float:
        return measuring_seconds(ReportRequest(runs=[ReportRun(name=str(n)) for n in range(runs)]), []).low

    assert report(1) < report(50)


@given(st.integers(1, 10**7), st.integers(1, 10**7), st.booleans())
def test_more_rows_never_take_less(rows: int, more: int, pictures: bool) -> None:
    def at(count: int, request: JobRequest) -> tuple[float, float]:
        found = seconds(request, lambda name: (count, count * 50.0))
        assert 0 < found.low < found.high
        return found.low, found.high

    for request in (
        MeasurementRequest(dataset=SMALL, pictures=pictures),
        SampleRequest(dataset=SMALL, size=3),
        ComparisonRequest(datasets={"a": SMALL, "b": LARGE}, pictures=pictures),
    ):
        assert at(rows, request) <= at(rows + more, request)
