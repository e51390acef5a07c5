"""What measuring takes, before anything is measured."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.estimates.measuring_cost import FASTER, SLOWER, measuring_seconds
from shared.contracts.base import JobRequest
from shared.contracts.measurement import ComparisonRequest, EmbeddingRequest, MeasurementRequest, Metric
from shared.contracts.mixture import MixtureRequest, SampleRequest
from shared.contracts.report import ReportRequest, ReportRun

SMALL, LARGE, UNKNOWN = ("dataset-" + letter * 32 for letter in "abc")
AMOUNTS = {SMALL: (400.0, 46_000.0), LARGE: (4000.0, 460_000.0)}


def seconds(request: JobRequest) -> tuple[float, float]:
    found = measuring_seconds(request, AMOUNTS.get)
    assert found is not None
    return found


MEASURED: list[tuple[JobRequest, float]] = [
    (MeasurementRequest(dataset=SMALL, reference=SMALL, pictures=False), 0.64),
    (MeasurementRequest(dataset=SMALL, reference=SMALL), 3.8),
    (MeasurementRequest(dataset=LARGE, pictures=False), 2.5),
    (ComparisonRequest(datasets={"a": SMALL, "b": SMALL}), 3.8),
    (MixtureRequest(real=SMALL, generated=LARGE, rho=0.2), 0.08),
]
"""CPU seconds that such jobs took on one x86-64 core; of the mixture, seconds from its start to its end."""


@pytest.mark.parametrize(("request_", "took"), MEASURED, ids=["text", "maps", "large", "compared", "mixed"])
def test_what_jobs_took_lies_in_the_range(request_: JobRequest, took: float) -> None:
    low, high = seconds(request_)
    assert low / 2 <= took <= high


def test_what_it_follows_from_must_be_known() -> None:
    assert measuring_seconds(MeasurementRequest(dataset=UNKNOWN), AMOUNTS.get) is None
    assert measuring_seconds(MixtureRequest(real=SMALL, generated=UNKNOWN, rho=0.5), AMOUNTS.get) is None


def test_maps_cost_a_measurement_most_of_its_time_and_show_a_thousand_rows_at_most() -> None:
    def maps(dataset: str) -> float:
        drawn, plain = (seconds(MeasurementRequest(dataset=dataset, pictures=p)) for p in (True, False))
        return drawn[0] - plain[0]

    assert maps(SMALL) > seconds(MeasurementRequest(dataset=SMALL, pictures=False))[0]
    assert maps(LARGE) < 3 * maps(SMALL)


def test_a_comparison_at_unequal_sizes_may_take_as_many_draws() -> None:
    equal = ComparisonRequest(datasets={"a": SMALL, "b": SMALL}, draws=7)
    cut = ComparisonRequest(datasets={"a": SMALL, "b": LARGE}, draws=7)
    assert seconds(equal)[1] / seconds(equal)[0] == pytest.approx(SLOWER / FASTER)
    assert seconds(cut)[1] / seconds(cut)[0] == pytest.approx(7 * SLOWER / FASTER)


def test_a_model_embeds_each_row_and_nobody_knows_on_what() -> None:
    plain = seconds(EmbeddingRequest(dataset=SMALL))
    model = seconds(EmbeddingRequest(dataset=SMALL, embedding="all-MiniLM-L6-v2"))
    assert model[1] - plain[1] == pytest.approx(400 * 0.05)
    assert model[0] - plain[0] == pytest.approx(400 * 0.001)


def test_rarer_measures_widen_the_range_and_never_narrow_it() -> None:
    usual = seconds(MeasurementRequest(dataset=LARGE, reference=SMALL))
    rare = seconds(MeasurementRequest(dataset=LARGE, reference=SMALL, metrics=[Metric.DEFAULT, Metric.MMD]))
    assert rare[0] == usual[0]
    assert rare[1] > usual[1]


def test_a_report_follows_from_its_runs() -> None:
    def report(runs: int) -> Any:
        return seconds(ReportRequest(runs=[ReportRun(name=str(n)) for n in range(runs)]))

    assert report(1) < report(50)


@given(st.integers(1, 10**7), st.integers(1, 10**7), st.booleans())
def test_more_rows_never_take_less(rows: int, more: int, pictures: bool) -> None:
    def at(count: int, request: JobRequest) -> tuple[float, float]:
        found = measuring_seconds(request, lambda name: (count, count * 50.0))
        assert found is not None
        assert 0 < found[0] < found[1]
        return found

    for request in (
        MeasurementRequest(dataset=SMALL, pictures=pictures),
        SampleRequest(dataset=SMALL, size=3),
        ComparisonRequest(datasets={"a": SMALL, "b": LARGE}, pictures=pictures),
    ):
        assert at(rows, request) <= at(rows + more, request)
