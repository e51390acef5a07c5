"""A verdict for each test set, and for each figure of it: what got better, and whether the rest was kept.

Every condition is compared with the real rows alone and, on what is to be kept, with the model as it was,
too: that is what forgetting is. Differences are paired by row. With d the change, signed so that more is
worse, and (low, high) its interval:

    improve    better: high < 0;        worse: low > 0;        else undecided
    keep       kept: high < margin;     lost: low > margin;    else undecided

The intervals are widened until all of the report's hold together (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from services.metrics.intervals.losses import RowLosses
from services.metrics.reporting.answer import LEVEL, Question
from services.metrics.reporting.conditions import Condition, baseline_of, conditions
from services.metrics.reporting.estimates import change
from services.metrics.reporting.runs import Run
from shared.contracts.report import HeldOutCode, HeldOutRule, HeldOutVerdict, IntervalEstimate
from shared.contracts.training.held_out import Role

LOWER_IS_BETTER = ("loss",)
RATED = "rubric"


@dataclass(frozen=True)
class Compared:
    """A condition and what it is compared with on one figure of one test set, both read on that set."""

    test: str
    role: Role
    figure: str
    condition: Condition
    other: Condition


def held_out_verdicts(
    runs: Sequence[Run], question: Question, rules: Mapping[str, HeldOutRule]
) -> list[HeldOutVerdict]:
    """One for each test set, figure, condition and what that is compared with; none where no run was tested
    on a named set or for a task metric."""
    pairs = [
        pair
        for test, figure in _figures(runs)
        for pair in _pairs(_on(runs, test, figure), question, test, figure)
    ]
    level = 1 - (1 - LEVEL) / max(1, len(pairs))
    return [_verdict(pair, rules.get(pair.test, HeldOutRule()), level) for pair in pairs]


def _figures(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Test sets and their figures, as the runs have them."""
    found = [(test, figure) for run in runs for test, held in run.held_out.items() for figure in held.figures]
    return list(dict.fromkeys(found))


def _on(runs: Sequence[Run], test: str, figure: str) -> list[Run]:
    """The runs as they came out on this set: its figure stands where their loss stood. Of ratings, which may
    be unreadable, only rows are taken that every run has one of."""
    read = []
    every = {
        number: rows
        for number, run in enumerate(runs)
        if test in run.held_out and (rows := run.held_out[test].figures.get(figure)) is not None
    }
    if figure == RATED:
        rated = set.intersection(*(set(rows.ids) for rows in every.values()))
        every = {number: _only(rows, rated) for number, rows in every.items()}
    for number, run in enumerate(runs):
        rows = every.get(number)
        told = {} if rows is None or not rows.ids else {"loss": rows.loss}
        read.append(replace(run, evaluation=told, losses=rows, measured=None, instruments={}))
    return read


def _only(rows: RowLosses, chosen: set[str]) -> RowLosses:
    places = [place for place, name in enumerate(rows.ids) if name in chosen]
    return RowLosses(
        ids=tuple(rows.ids[place] for place in places),
        nll=rows.nll[places],
        tokens=rows.tokens[places],
        groups=None if rows.groups is None else tuple(rows.groups[place] for place in places),
    )


def _pairs(runs: Sequence[Run], question: Question, test: str, figure: str) -> Iterator[Compared]:
    found = conditions(runs, question.replicates)
    role = next(run.held_out[test].role for run in runs if test in run.held_out)
    untuned = next((c for c in found if c.label == question.untuned), None)
    for condition in found:
        if condition is untuned or not condition.figures("loss"):
            continue
        baseline = baseline_of(condition, found, question.baseline)
        against = [other for other in (baseline, untuned) if other is not None and other is not condition]
        for other in against if role == "keep" else against[:1]:
            yield Compared(test, role, figure, condition, other)


def _verdict(pair: Compared, rule: HeldOutRule, level: float) -> HeldOutVerdict:
    moved = change(pair.condition, pair.other, "loss", level=level)
    return HeldOutVerdict(
        test=pair.test,
        role=pair.role,
        figure=pair.figure,
        name=pair.condition.name,
        against=pair.other.name,
        value=pair.condition.mean("loss"),
        change=moved,
        margin=rule.margin if pair.role == "keep" else None,
        verdict=code(moved, pair.role, rule.margin, lower_is_better=pair.figure in LOWER_IS_BETTER),
    )


def code(moved: IntervalEstimate | None, role: Role, margin: float, *, lower_is_better: bool) -> HeldOutCode:
    """What an interval of a change says of a test set of this role."""
    if moved is None or moved.low is None or moved.high is None:
        return "unmeasured"
    low, high = (moved.low, moved.high) if lower_is_better else (-moved.high, -moved.low)
    if role == "improve":
        return "better" if high < 0 else "worse" if low > 0 else "undecided"
    return "kept" if high < margin else "lost" if low > margin else "undecided"


def losses_of(ids: tuple[str, ...], values: Sequence[float], groups: tuple[str, ...] | None) -> RowLosses:
    """A task metric's value a row, as the intervals take them: the mean over rows, each counting alike."""
    return RowLosses(ids, np.asarray(values, np.float64), np.ones(len(values)), groups)


SAID: Mapping[HeldOutCode, str] = {
    "better": "better",
    "worse": "worse",
    "kept": "kept",
    "lost": "lost",
    "undecided": "undecided",
    "unmeasured": "without an interval",
}


def sentences(verdicts: Sequence[HeldOutVerdict]) -> list[str]:
    """Each test set in one sentence a figure: what became of every condition."""
    told = []
    for test, figure in dict.fromkeys((v.test, v.figure) for v in verdicts):
        mine = [v for v in verdicts if (v.test, v.figure) == (test, figure)]
        aim = "to improve" if mine[0].role == "improve" else f"to be kept within {mine[0].margin:g}"
        said = "; ".join(f"{v.name} {SAID[v.verdict]}{_moved(v)} against {v.against}" for v in mine)
        told.append(f"Test set {test} ({aim}), {figure.replace('_', ' ')}: {said}.")
    return told


def _moved(verdict: HeldOutVerdict) -> str:
    moved = verdict.change
    if moved is None:
        return ""
    if moved.low is None or moved.high is None:
        return f" ({moved.value:+.3g})"
    return f" ({moved.value:+.3g}, {moved.low:+.3g} to {moved.high:+.3g})"
