"""The answer: which data to train on, how much, what that is expected to do to the loss, and what to leave.

Every comparison that a recommendation rests on is one of several, and the best of several looks better than
it is. So intervals are widened until all of an answer's losses hold together at the level, and all of its
changes (Bonferroni): then they hold of the one that was chosen too, however it was chosen. Those that the
best one cannot be told from are found by k − 1 comparisons with it, which is enough for the truly best one to
be among them at the level (Hsu 1984, Annals of Statistics 12).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.metrics.reporting.conditions import Condition, baseline_of, conditions
from services.metrics.reporting.correlations import Correlation, correlations
from services.metrics.reporting.estimates import change, outcome
from services.metrics.reporting.power import Certainty, certainty
from services.metrics.reporting.runs import Run
from services.metrics.reporting.verdicts import Dose, decide
from services.metrics.reporting.worth import RowsWorth, rows_worth
from shared.contracts.measurement import EXCESS
from shared.contracts.report import Against, Design, IntervalEstimate, Verdict

LEVEL = 0.95


@dataclass(frozen=True)
class Question:
    """How an experiment's runs are to be read. `within`: axes inside whose values runs are compared, such as
    the base model; `baseline` and `untuned`: labels of the runs on real data, and of the model as it was;
    `matters`: the smallest change that somebody cares for."""

    x: str = "distinct_5"
    y: str = "loss"
    baseline: str | None = "real"
    untuned: str | None = "untuned"
    replicates: str = "seed"
    within: tuple[str, ...] = ()
    matters: float | None = None


@dataclass(frozen=True)
class Avoid:
    """Do not train on this as it was tried (`design`): `evidence` says why; `change` is None for what a gate
    stopped."""

    name: str
    design: Design | None
    change: IntervalEstimate | None
    reference: str | None
    worse_than_untuned: bool
    evidence: Mapping[str, float] = field(default_factory=dict)
    stopped: str | None = None
    sizes: tuple[float, float] | None = None
    """Rows of it and of the reference, where they differ by more than a tenth: a part of the difference."""


@dataclass(frozen=True)
class ReportAnswer:
    """For one value of the `within` axes. `doses` are sorted from the lowest outcome on; `curve` are real
    rows alone that are not the baseline, points of their learning curve, from the fewest rows on.
    """

    within: Mapping[str, Any]
    verdict: Verdict
    tested: tuple[Against, ...]
    """What the verdict was reached against."""
    best: Dose | None
    baseline: Dose | None
    best_generated: Dose | None
    reference: str | None
    untuned: IntervalEstimate | None
    ties: tuple[str, ...]
    smallest: str | None
    doses: tuple[Dose, ...]
    curve: tuple[Dose, ...]
    worth: RowsWorth | None
    """What generated rows are worth in real ones; None where real rows alone were tried at too few sizes."""
    certainty: Certainty | None
    """Of the comparison that the verdict rests on: what could have shown, and what would show more."""
    avoid: tuple[Avoid, ...]
    correlations: tuple[Correlation, ...]
    correlated: Design | None
    """The design of the conditions that the correlations are over: those of several are not mixed."""
    comparisons: int
    """Changes that the answer looks at, and that its intervals of changes allow for."""

    def of(self, design: Design) -> list[Dose]:
        """The conditions of that design, from the lowest outcome on."""
        return [dose for dose in self.doses if dose.design == design and dose is not self.baseline]


def answers(runs: Sequence[Run], question: Question) -> list[ReportAnswer]:
    """One answer for each combination of the `within` axes' values."""
    found = conditions(runs, question.replicates)
    groups: dict[tuple[Any, ...], list[Condition]] = {}
    for condition in found:
        if all(axis in condition.axes for axis in question.within):
            groups.setdefault(tuple(condition.axes[axis] for axis in question.within), []).append(condition)
    shared = [c for c in found if not all(axis in c.axes for axis in question.within)]
    return [
        _answer(dict(zip(question.within, values, strict=True)), members + shared, question)
        for values, members in groups.items()
    ]


def _answer(within: Mapping[str, Any], found: Sequence[Condition], question: Question) -> ReportAnswer:
    y = question.y
    untuned = next((c for c in found if c.label == question.untuned), None)
    evaluated = [c for c in found if c is not untuned and c.figures(y)]
    tried = [c for c in evaluated if not _on_the_curve(c, question)]
    references = {c.name: _reference(c, found, untuned, question) for c in tried}
    comparisons = _comparisons(tried, references, untuned, question)
    level = 1 - (1 - LEVEL) / max(1, comparisons)
    own_level = 1 - (1 - LEVEL) / max(1, len(tried))
    doses = [_dose(c, references[c.name], question, level, own_level) for c in tried]
    doses.sort(key=lambda dose: dose.outcome.value)
    generated = [dose for dose in doses if dose.condition.label != question.baseline]
    baseline = next((dose for dose in doses if dose not in generated), None)
    alone = outcome(untuned, y) if untuned else None
    decision = decide(doses, baseline, alone)
    ties = _ties(decision.best, doses, y, 1 - (1 - LEVEL) / max(1, len(tried) - 1))
    correlated = _correlated(generated)
    nothing = decision.verdict == "nothing_learnt"
    curve = _curve(evaluated, question)
    treated = [c for c in tried if c.label != question.baseline and c.design == correlated]
    return ReportAnswer(
        within=within,
        verdict=decision.verdict,
        tested=decision.tested,
        best=decision.best,
        baseline=baseline,
        best_generated=generated[0] if generated else None,
        reference=_reference_name(found, untuned, question),
        untuned=alone,
        ties=tuple(dose.name for dose in ties),
        smallest=_smallest([decision.best, *ties]) if decision.best else None,
        doses=tuple(doses),
        curve=curve,
        worth=None
        if nothing
        else rows_worth([*([baseline] if baseline else []), *curve], generated, y, LEVEL),
        certainty=None
        if nothing
        else _certainty(decision.best, baseline, generated, references, question, comparisons),
        avoid=() if nothing else tuple(_avoid(doses, found, untuned, question, level)),
        comparisons=comparisons,
        correlations=tuple(correlations(treated, y)),
        correlated=correlated,
    )


def _certainty(
    best: Dose | None,
    baseline: Dose | None,
    generated: Sequence[Dose],
    references: Mapping[str, Condition | None],
    question: Question,
    comparisons: int,
) -> Certainty | None:
    """Of what is recommended; where that is the baseline, of the best addition to it, else of the best
    other."""
    others = sorted(generated, key=lambda dose: dose.design != "in_addition_to")
    judged = best if best is not baseline else next(iter(others), None)
    reference = references[judged.name] if judged else None
    if judged is None or reference is None or reference is judged.condition or question.y != "loss":
        return None
    return certainty(
        judged.condition,
        reference,
        replicates=question.replicates,
        matters=question.matters,
        comparisons=comparisons,
    )


def _on_the_curve(condition: Condition, question: Question) -> bool:
    """Real rows alone that are not the baseline: they say what real rows are worth and are no candidate."""
    return condition.design == "alone" and condition.label != question.baseline


def _curve(evaluated: Sequence[Condition], question: Question) -> tuple[Dose, ...]:
    points = [_dose(c, None, question, LEVEL, LEVEL) for c in evaluated if _on_the_curve(c, question)]
    return tuple(sorted(points, key=lambda dose: dose.condition.mean("rows") or 0.0))


def _dose(
    condition: Condition, reference: Condition | None, question: Question, level: float, own_level: float
) -> Dose:
    moved = (
        None
        if reference is None or reference is condition
        else change(condition, reference, question.y, level=level)
    )
    against = reference if moved is not None else None
    return Dose(
        condition=condition,
        x=condition.mean(question.x),
        outcome=_sure(outcome(condition, question.y, level=own_level)),
        change=moved,
        reference=against.label if against else None,
        instead_of=against.mean(question.y) if against else None,
        sizes=None if condition.design == "in_addition_to" else _sizes(condition, against),
    )


def _correlated(generated: Sequence[Dose]) -> Design | None:
    """The design of most conditions; of additions where they are as many."""
    counts = Counter(dose.design for dose in generated)
    order: tuple[Design | None, ...] = ("in_addition_to", "in_place_of", "alone", None)
    return max(order, key=lambda design: counts[design])


def _reference(
    condition: Condition, found: Sequence[Condition], untuned: Condition | None, question: Question
) -> Condition | None:
    """What a condition is compared with: the run on real data, else the model as it was."""
    if condition.label == question.baseline:
        return untuned
    return baseline_of(condition, found, question.baseline) or untuned


def _comparisons(
    tried: Sequence[Condition],
    references: Mapping[str, Condition | None],
    untuned: Condition | None,
    question: Question,
) -> int:
    """Each condition with its reference and, of those that are to be warned of, with the model as it was."""
    pairs = {
        (condition.name, other.name)
        for condition in tried
        for other in (
            references[condition.name],
            untuned if condition.label != question.baseline else None,
        )
        if other is not None and other is not condition
    }
    return len(pairs)


def _reference_name(found: Sequence[Condition], untuned: Condition | None, question: Question) -> str | None:
    if any(c.label == question.baseline for c in found):
        return question.baseline
    return untuned.name if untuned else None


def _sure(estimate: IntervalEstimate | None) -> IntervalEstimate:
    assert estimate is not None  # only conditions with figures are asked
    return estimate


def _ties(best: Dose | None, doses: Sequence[Dose], y: str, level: float) -> list[Dose]:
    """Those that the recommended one cannot be told from."""
    told: list[Dose] = []
    if best is None:
        return told
    for dose in doses:
        if dose is best:
            continue
        gap = change(dose.condition, best.condition, y, level=level)
        if gap is not None and gap.covers and gap.sign == 0:
            told.append(dose)
    return told


def _smallest(doses: Sequence[Dose]) -> str | None:
    """Of conditions that cannot be told apart, the one that takes fewest rows, if it is not the first."""
    sized = [(rows, place) for place, dose in enumerate(doses) if (rows := dose.condition.mean("rows"))]
    if len(sized) < 2:
        return None
    place = min(sized)[1]
    return None if place == 0 else doses[place].name


def _avoid(
    doses: Sequence[Dose],
    found: Sequence[Condition],
    untuned: Condition | None,
    question: Question,
    level: float,
) -> list[Avoid]:
    told = []
    for dose in doses:
        if dose.condition.label == question.baseline:
            continue
        alone = change(dose.condition, untuned, question.y, level=level) if untuned else None
        harmful = alone is not None and alone.sign > 0
        if harmful or (dose.change is not None and dose.change.sign > 0):
            moved, against = (dose.change, dose.reference) if dose.change else (alone, question.untuned)
            evidence = _evidence(dose.condition)
            told.append(Avoid(dose.name, dose.design, moved, against, harmful, evidence, sizes=dose.sizes))
    return told + [
        Avoid(condition.name, condition.design, None, None, False, _evidence(condition), condition.stopped)
        for condition in found
        if condition.stopped and not condition.figures(question.y)
    ]


def _sizes(condition: Condition, reference: Condition | None) -> tuple[float, float] | None:
    rows = condition.mean("rows"), reference.mean("rows") if reference else None
    if rows[0] is None or not rows[1] or abs(rows[0] / rows[1] - 1) <= 0.1:
        return None
    return rows[0], rows[1]


_EVIDENCE = ("two_sample_auc", "js_embedding", "js_unigram", "js_length", "distinct_5", "duplicate_share")


def _evidence(condition: Condition) -> dict[str, float]:
    """What was measured of the data itself; of shifts the excess over what no shift gives, where it is
    known."""
    told: dict[str, float] = {}
    for name in _EVIDENCE:
        for shown in (f"{name}{EXCESS}", name):
            if (value := condition.mean(shown)) is not None:
                told[shown] = value
                break
    return told
