"""What a generated row is worth in real ones, as a report tells it: rows of known worth on a known curve."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.metrics.reporting.answer import Question, ReportAnswer, answers
from services.metrics.reporting.drawing import report_pictures
from services.metrics.reporting.findings import tell
from services.metrics.reporting.plain import answer_json, headline
from services.metrics.reporting.runs import Run
from tests.unit.services.metrics.reporting.making import run, seeds

SIZES = (50, 100, 200, 400, 800)
NOISE = (0.002, -0.003, 0.001)


def loss(rows: float) -> float:
    return 3 + 20 * rows**-0.5


def alone(rows: int, *, label: str, count: int = 3) -> list[Run]:
    found = [loss(rows) + noise for noise in NOISE[:count]]
    return seeds(label, found, rows=rows, design="alone", axes={"size": rows} if label != "real" else {})


def added(pool: str, worth: float, *, rows: int = 200, more: int = 200, count: int = 3) -> list[Run]:
    mixture = {"unit": "rows", "real": rows, "generated": more}
    found = [loss(rows + worth * more) + noise for noise in NOISE[:count]]
    own: dict[str, Any] = {"design": "in_addition_to", "pool": pool, "mixture": mixture}
    return seeds(f"real + {pool}", found, rows=rows + more, **own)


def curve(count: int = 3, sizes: tuple[int, ...] = SIZES) -> list[Run]:
    others = [run for rows in sizes if rows != 200 for run in alone(rows, label="real alone", count=count)]
    return [*alone(200, label="real", count=count), *others]


def answer(runs: list[Run]) -> ReportAnswer:
    [found] = answers(runs, Question())
    return found


@pytest.mark.parametrize("worth", [0.9, 0.4])
def test_rows_of_known_worth_are_found_to_be_worth_that(worth: float) -> None:
    found = answer([*curve(), *added("D4", worth)])
    assert found.verdict == "add"
    assert found.worth is not None
    [told] = found.worth.worths
    assert (told.real, told.generated) == (200, 200)
    assert told.rate.rate == pytest.approx(worth, abs=0.05)
    assert told.rate.low is not None
    assert told.rate.high is not None
    assert told.rate.low < worth < told.rate.high
    assert headline(found).worth is not None


def test_rows_that_do_nothing_cannot_be_told_from_nothing() -> None:
    found = answer([*curve(), *added("D4", 0.0)])
    assert found.verdict == "add_nothing"
    assert found.worth is not None
    assert found.worth.worths[0].rate.sign == 0


def test_rows_that_harm_are_worth_less_than_nothing() -> None:
    found = answer([*curve(), *added("D4", -0.3)])
    assert found.worth is not None
    assert found.worth.worths[0].rate.sign == -1


def test_generated_rows_alone_are_placed_on_the_curve_too() -> None:
    losses = [loss(80) + noise for noise in NOISE]
    found = answer([*curve(), *seeds("D4", losses, rows=200, design="in_place_of", pool="D4")])
    assert found.worth is not None
    [told] = found.worth.worths
    assert (told.real, told.generated) == (0, 200)
    assert told.rate.rate == pytest.approx(0.4, abs=0.03)


def test_beyond_the_sizes_that_were_tried_a_worth_is_an_extrapolation() -> None:
    found = answer([*curve(sizes=(25, 50, 100, 150, 200)), *added("D4", 0.9)])
    assert found.worth is not None
    assert found.worth.worths[0].rate.extrapolated


def test_without_real_rows_at_several_sizes_nothing_is_said() -> None:
    found = answer([*alone(200, label="real"), *added("D4", 0.9)])
    assert found.worth is None
    assert tell([found], Question()).worths == []
    assert answer_json(found)["worth"] is None


def test_the_recommendation_says_what_each_row_is_worth() -> None:
    without = answer([*alone(200, label="real"), *added("D4", 0.9)])
    found = answer([*curve(), *added("D4", 0.9)])
    [first, short] = (tell([each], Question()).recommendation[0] for each in (found, without))
    assert first.removesuffix(".").startswith(short.removesuffix("."))
    assert "0.9" in first.removeprefix(short.removesuffix("."))


def test_one_seed_has_an_interval_by_how_far_the_sizes_lie_from_the_curve() -> None:
    found = answer([*curve(count=1), *added("D4", 0.9, count=1)])
    assert found.worth is not None
    assert found.worth.curve.freedom == 2
    assert found.worth.worths[0].rate.low is not None


def test_a_run_without_rows_is_no_point() -> None:
    runs = [
        *curve(),
        run("real alone (size=0)", 4.0, rows=0, label="real alone", design="alone", axes={"size": 0}),
    ]
    found = answer([*runs, *added("D4", 0.9)])
    assert found.worth is not None
    assert found.worth.sizes == SIZES


def test_the_curve_is_drawn_with_the_additions_on_it() -> None:
    runs = [*curve(), *added("D4", 0.9)]
    drawn = report_pictures(runs, answers(runs, Question()), Question(), None)
    [picture] = [each for each in drawn if each.name == "learning_curve"]
    assert {row["name"] for row in picture.data} == {"curve", "measured", "real + D4"}
    [placed] = [row for row in picture.data if row["name"] == "real + D4"]
    assert placed["equal"] == pytest.approx(380, rel=0.05)


def test_a_model_that_is_told_twice_is_one_point() -> None:
    """The baseline may be one of the curve's sizes: the same evaluation under two names."""
    runs = [*curve(), *added("D4", 0.9)]
    again = [
        replace(each, name=f"again {place}", label="again", axes={"size": "again", "seed": place})
        for place, each in enumerate(runs[:3])
    ]
    named = [
        replace(each, artifacts={**each.artifacts, "evaluation": f"evaluation {place % 3}"})
        for place, each in enumerate([*runs[:3], *again])
    ]
    found = answer([*named, *runs[3:]])
    assert found.worth is not None
    assert found.worth.sizes == SIZES
