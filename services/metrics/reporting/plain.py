"""An answer as plain JSON, whole and in short."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite

from services.metrics.reporting.answer import ReportAnswer
from services.metrics.reporting.power import Certainty
from services.metrics.reporting.verdicts import Dose
from services.metrics.reporting.worth import RowsWorth
from shared.contracts.report import IntervalEstimate, Recommendation, WorthEstimate


def answer_json(answer: ReportAnswer) -> dict[str, object]:
    """For `report.json`."""
    return {
        "within": dict(answer.within),
        "verdict": answer.verdict,
        "tested_against": list(answer.tested),
        "recommended": _dose(answer.best),
        "best_generated": _dose(answer.best_generated),
        "reference": answer.reference,
        "untuned": _estimate(answer.untuned),
        "ties": list(answer.ties),
        "smallest": answer.smallest,
        "doses": [_dose(dose) for dose in answer.doses],
        "curve": [_dose(dose) for dose in answer.curve],
        "worth": _worth(answer.worth),
        "certainty": _certainty(answer.certainty),
        "avoid": [
            {
                "name": avoid.name,
                "design": avoid.design,
                "change": _estimate(avoid.change),
                "against": avoid.reference,
                "worse_than_untuned": avoid.worse_than_untuned,
                "stopped": avoid.stopped,
                "evidence": dict(avoid.evidence),
            }
            for avoid in answer.avoid
        ],
        "comparisons": answer.comparisons,
        "correlations": [asdict(found) for found in answer.correlations],
        "correlated": answer.correlated,
    }


def headline(answer: ReportAnswer) -> Recommendation:
    """For the artifact's summary."""
    best = answer.best
    return Recommendation(
        within=dict(answer.within),
        verdict=answer.verdict,
        tested_against=list(answer.tested),
        name=best.name if best else None,
        dataset=_dataset(best) if best else None,
        loss=best.outcome if best else None,
        change=best.change if best else None,
        worth=_row_worth(answer),
        avoid=[avoid.name for avoid in answer.avoid],
    )


def _dose(dose: Dose | None) -> dict[str, object] | None:
    if dose is None:
        return None
    return {
        "name": dose.name,
        "label": dose.condition.label,
        "design": dose.design,
        "pool": dose.condition.pool,
        "effect": dose.effect,
        "lengths": [asdict(length) for length in dose.condition.lengths],
        "axes": dict(dose.condition.axes),
        "runs": [run.name for run in dose.condition.runs],
        "dataset": _dataset(dose),
        "rows": dose.condition.mean("rows"),
        "x": dose.x,
        "outcome": _estimate(dose.outcome),
        "change": _estimate(dose.change),
        "against": dose.reference,
        "sizes": list(dose.sizes) if dose.sizes else None,
    }


def _worth(found: RowsWorth | None) -> dict[str, object] | None:
    if found is None:
        return None
    curve = asdict(found.curve)
    curve.pop("rates")
    return {
        "curve": curve,
        "rows": [
            {
                "name": worth.dose.name,
                "design": worth.dose.design,
                "pool": worth.dose.condition.pool,
                "real": worth.real,
                "generated": worth.generated,
                **asdict(worth.rate),
            }
            for worth in found.worths
        ],
    }


def _certainty(found: Certainty | None) -> dict[str, object] | None:
    """Infinite bounds, of too few seeds to say anything, are null."""
    if found is None:
        return None
    change = found.matters if found.matters is not None else found.pilot.smallest / 2
    told = None
    if found.look is not None:
        told = asdict(found.look)
        told |= {side: told[side] if isfinite(told[side]) else None for side in ("low", "high")}
    return {
        "name": found.name,
        "against": found.against,
        "pilot": asdict(found.pilot),
        "smallest": found.pilot.smallest,
        "matters": found.matters,
        "of": change,
        "takes_rows": found.pilot.rows_for(change),
        "takes_seeds": found.pilot.seeds_for(change) if found.pilot.seeds > 1 else None,
        "look": told,
    }


def _row_worth(answer: ReportAnswer) -> WorthEstimate | None:
    """Of the rows that are recommended."""
    worth = answer.worth.of(answer.best) if answer.worth and answer.best else None
    return None if worth is None else WorthEstimate(**asdict(worth.rate))


def _dataset(dose: Dose) -> str | None:
    """The training data of the condition's first run."""
    return next((run.artifacts["dataset"] for run in dose.condition.runs if "dataset" in run.artifacts), None)


def _estimate(estimate: IntervalEstimate | None) -> dict[str, object] | None:
    return None if estimate is None else estimate.model_dump(mode="json")
