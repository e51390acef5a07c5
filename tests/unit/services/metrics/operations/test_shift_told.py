"""What a measurement says of a shift: what none looks like, which rows are pairs, and sizes that differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.metrics.operations.measure import Measuring
from services.metrics.operations.text_sets import embedders
from services.metrics.problems import Unmeasurable
from services.metrics.reporting.runs import Run
from services.metrics.reporting.table import FLOOR, NONE_SEEN, make_table
from shared.contracts.datasets import DatasetKind
from shared.contracts.measurement import Measured, MeasurementRequest, Metric
from shared.errors import InvalidRequest

WORDS = np.asarray([f"word{number}" for number in range(400)])
SHIFTS = [Metric.UNIGRAM_SHIFT, Metric.LENGTH_SHIFT, Metric.EMBEDDING_SHIFT, Metric.MMD, Metric.TWO_SAMPLE]


@pytest.fixture
def measuring() -> Measuring:
    return Measuring(embedders({}))


def texts(count: int, seed: int, known: int = 400) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(random.choice(WORDS[:known], random.integers(20, 40))) for _ in range(count)]


def with_words_dropped(of: list[str], seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    return [" ".join(word for word in text.split() if random.random() > 0.1) for text in of]


def measured(bench: Any, measuring: Measuring, rows: list[Any], reference: list[Any], **more: Any) -> Any:
    """The artifact of a measurement of rows (texts, or rows as they are) beside others."""
    kind = more.pop("kind", DatasetKind.TEXT)
    sides = [
        bench.dataset([row if isinstance(row, dict) else {"text": row} for row in side], kind)
        for side in (rows, reference)
    ]
    request = MeasurementRequest.model_validate(
        {"dataset": sides[0], "reference": sides[1], "metrics": SHIFTS, "pictures": False, **more}
    )
    return bench.run(measuring.measure, request)


def values(made: Any) -> dict[str, dict[str, Any]]:
    return {value["name"]: value for value in made.json("measurement.json")["values"]}


def test_halves_of_one_set_are_told_to_show_no_shift(bench: Any, measuring: Measuring) -> None:
    made = measured(bench, measuring, texts(80, 0), texts(80, 1))
    found = values(made)
    for name in ("js_unigram", "kl_unigram", "js_length", "js_embedding", "mmd", "two_sample_auc"):
        floor = found[name]["no_shift"]
        assert floor["relabelled"] == "rows", name
        assert floor["median"] <= floor["percentile_95"], name
        assert floor["excess"] == pytest.approx(found[name]["value"] - floor["median"]), name
        assert floor["excess_low"] <= 0 <= floor["excess_high"], name
        assert made.summary[f"{name}_excess"] == floor["excess"], name
        assert made.summary[f"{name}_p"] == floor["p_value"] > 0.005, name
    assert found["js_unigram"]["interval"]["low"] > 0.02  # which says nothing of a shift


def test_a_shift_is_seen_beyond_none(bench: Any, measuring: Measuring) -> None:
    made = measured(bench, measuring, texts(80, 0, 250), texts(80, 1))
    for name in ("js_unigram", "kl_unigram", "two_sample_auc", "mmd"):
        assert values(made)[name]["no_shift"]["excess_low"] > 0, name
        assert made.summary[f"{name}_p"] < 0.02, name


def test_twins_without_a_key_are_told_in_place_of_a_number(bench: Any, measuring: Measuring) -> None:
    base = texts(120, 3)
    sides = with_words_dropped(base, 4), with_words_dropped(base, 5)
    found = values(measured(bench, measuring, *sides))
    for name in ("two_sample_auc", "mmd", "mmd_p_value"):
        assert found[name]["value"] is None, name
        assert "group_by" in found[name]["note"], name
    keyed = [[{"text": text, "of": str(row)} for row, text in enumerate(side)] for side in sides]
    together = values(measured(bench, measuring, *keyed, group_by="of"))
    auc = together["two_sample_auc"]
    assert auc["no_shift"]["relabelled"] == "pairs"
    assert auc["interval"]["low"] < 0.5 < auc["interval"]["high"]
    assert together["mmd"]["no_shift"]["p_value"] > 0.02
    assert "draw" in auc["interval_note"]


def test_completions_of_one_context_belong_together_by_themselves(bench: Any, measuring: Measuring) -> None:
    contexts = texts(40, 6)
    sides = [
        [{"context": one, "completion": end} for one, end in zip(contexts, texts(40, seed), strict=True)]
        for seed in (7, 8)
    ]
    found = values(measured(bench, measuring, *sides, kind=DatasetKind.COMPLETION))
    assert {value["no_shift"]["relabelled"] for value in found.values() if value["no_shift"]} == {"pairs"}


def test_a_field_that_no_row_has_is_refused(bench: Any, measuring: Measuring) -> None:
    with pytest.raises((InvalidRequest, Unmeasurable)) as caught:
        measured(bench, measuring, texts(20, 0), texts(20, 1), group_by="origin.nothing")
    assert "group_by" in str(getattr(caught.value, "errors", "")) + str(caught.value)


def test_sides_of_different_size_say_so_and_are_compared_at_equal_size(
    bench: Any, measuring: Measuring
) -> None:
    found = values(measured(bench, measuring, texts(40, 0), texts(120, 1)))
    for name in ("js_unigram", "wasserstein_length", "js_embedding", "two_sample_auc"):
        assert found[name]["equal_size"]["rows"] == 40, name
        assert "40 rows against 120" in found[name]["note"], name
    assert found["js_unigram"]["equal_size"]["value"] > found["js_unigram"]["value"]


def test_without_smoothing_js_is_told_and_kl_where_it_is_finite(bench: Any, measuring: Measuring) -> None:
    found = values(measured(bench, measuring, texts(20, 0), texts(20, 1), smoothing=0))
    assert found["kl_unigram"]["value"] is None
    assert "infinite" in found["kl_unigram"]["note"]
    assert found["js_unigram"]["value"] > 0
    assert found["js_unigram"]["interval"] is not None


def test_empty_texts_are_noted_and_near_is_never_below_equal(bench: Any, measuring: Measuring) -> None:
    dataset = bench.dataset([{"text": text} for text in ["", "", "", *texts(20, 0)]])
    request = MeasurementRequest(
        dataset=dataset, metrics=[Metric.DUPLICATES, Metric.NEAR_DUPLICATES], pictures=False
    )
    found = values(bench.run(measuring.measure, request))
    assert found["near_duplicate_share"]["value"] >= found["duplicate_share"]["value"] > 0
    assert "3 of 23 texts are empty" in found["duplicate_share"]["note"]


def test_tables_lead_with_the_excess(bench: Any, measuring: Measuring) -> None:
    runs = [
        Run(
            name,
            measured=Measured.model_validate(measured(bench, measuring, *sides).json("measurement.json")),
        )
        for name, sides in (
            ("halves", (texts(60, 0), texts(60, 1))),
            ("shifted", (texts(60, 0, 150), texts(60, 1))),
        )
    ]
    table = make_table(runs, ["js_unigram"], None, "loss")
    halves, shifted = (row["js_unigram"] for row in table.rows)
    assert halves.text == NONE_SEEN
    assert shifted.no_shift is not None
    assert shifted.text == f"{shifted.no_shift.excess:+.3g}"
    assert "excess" in table.title("js_unigram")
    assert table.csv().splitlines()[0].endswith(",".join(f"js_unigram{column}" for column in FLOOR))
    assert table.json()[1]["js_unigram"]["no_shift"]["excess"] == shifted.no_shift.excess  # type: ignore[index]
    assert runs[1].figure("js_unigram_excess") == shifted.no_shift.excess
