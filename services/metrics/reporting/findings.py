"""What an answer says, in sentences that say no more than it does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.metrics.reporting.answer import Answer, Avoid, Dose, Question
from services.metrics.reporting.correlations import Coefficient, Correlation, smallest_significant
from services.metrics.reporting.estimates import Estimate
from services.metrics.reporting.table import TITLES
from shared.contracts.advice import ProposalSummary

STRONGEST = 3
NOTHING = "No run has been evaluated: there is nothing to compare yet."


@dataclass(frozen=True)
class Told:
    """The sentences of a report's answers, by what they are for."""

    recommendation: list[str]
    warnings: list[str]
    trends: list[str]

    @property
    def all(self) -> list[str]:
        return [*self.recommendation, *self.warnings, *self.trends]


def tell(answers: Sequence[Answer], question: Question) -> Told:
    if not any(answer.best for answer in answers):
        stopped = [sentence for answer in answers for sentence in warnings(answer, question)]
        return Told([NOTHING], stopped, [])
    return Told(
        [sentence for answer in answers for sentence in recommendation(answer, question)],
        [sentence for answer in answers for sentence in warnings(answer, question)],
        [sentence for answer in answers for sentence in trends(answer, question)],
    )


def recommendation(answer: Answer, question: Question) -> list[str]:
    """What to do, then what to expect of it, then how sure that is."""
    best = answer.best
    if best is None:
        return [NOTHING]
    title = TITLES.get(question.y, question.y)
    said = [_verdict(answer, title)]
    if answer.verdict == "train" and best.change is not None:
        said.append(
            f"Expected change of the {title} against {best.reference}: {told(best.change)}."
            + (_rows_told(best.sizes, best.reference) if best.sizes else "")
        )
    elif answer.verdict == "keep_baseline" and answer.best_generated is not None:
        other = answer.best_generated
        said.append(
            f"The best of the generated data is {_dose(other)}: {title} {told(other.outcome)}"
            + (f", {told(other.change, signed=True)} from {other.reference}'s." if other.change else ".")
        )
    if answer.ties:
        said.append(
            f"With these runs {best.name} cannot be told from {_listed(answer.ties)}"
            + (f"; of these {answer.smallest} takes the fewest rows." if answer.smallest else ".")
        )
    said.append(_covered(best) + _chosen(answer))
    return [_within(answer) + sentence for sentence in said]


def mixture_found(mixture: ProposalSummary, trials: Sequence[Mapping[str, Any]]) -> str:
    """What a search over mixtures ended with, from the summary of its last proposal."""
    pruned = sum(trial["outcome"] == "pruned" for trial in trials)
    failed = sum(trial["outcome"] == "failed" for trial in trials)
    rungs = len({trial["rung"] for trial in trials})
    lost = f", {failed} failed" if failed else ""
    return (
        f"The search's mixture is {mixture.real:,.0f} real rows and {mixture.generated:,.0f} of the "
        f"pool {mixture.pool} (ρ = {mixture.rho:.2g}); of {len(trials)} trials in {rungs} rungs "
        f"{pruned} were pruned{lost}."
    )


def warnings(answer: Answer, question: Question) -> list[str]:
    """`Do not train on this`, with the evidence."""
    return [_within(answer) + _warning(avoid, question) for avoid in answer.avoid]


def trends(answer: Answer, question: Question) -> list[str]:
    """The measures that go with the loss most closely."""
    if not answer.correlations:
        return []
    title = TITLES.get(question.y, question.y)
    asked = [c for c in answer.correlations if c.measure == question.x]
    shown = [*asked, *(c for c in answer.correlations if c not in asked)][: STRONGEST + len(asked)]
    said = [_correlation(c, title) for c in shown]
    said.append(
        f"Intervals and p are of one measure alone; q is p adjusted for the {len(answer.correlations)} "
        "measures looked at (false discovery rate). A correlation over conditions is no proof of a cause."
    )
    said.append(_power(min(c.conditions for c in shown)))
    return [_within(answer) + sentence for sentence in said]


def _power(conditions: int) -> str:
    """How little so few conditions can tell."""
    least = smallest_significant(conditions)
    if least is None:
        p = 2 / math.factorial(conditions)
        return (
            f"Over {conditions} conditions no correlation can be told from chance: even a perfect order has "
            f"p = {p:.2g}. Run more levels before you rely on one."
        )
    return (
        f"Over {conditions} conditions a rank correlation is told from chance (p below 0.05) from "
        f"±{least:.2f} on."
    )


def told(estimate: Estimate, *, signed: bool = False) -> str:
    """`4.32 (4.2 to 4.4)`."""
    sign = "+" if signed else ""
    value = f"{estimate.value:{sign}.4g}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({estimate.low:{sign}.4g} to {estimate.high:{sign}.4g})"


def _verdict(answer: Answer, title: str) -> str:
    best = answer.best
    assert best is not None
    expected = f"expected {title} {told(best.outcome)}"
    if answer.verdict == "do_not_train":
        assert answer.untuned is not None
        return (
            f"Do not train on any of this: the model as it is has a {title} of {told(answer.untuned)}, "
            f"and the best of the trained ones, {best.name}, {told(best.outcome)}."
        )
    if answer.verdict == "keep_baseline":
        return f"Train on {best.name} alone and leave the generated data out: {expected}."
    return f"Train on {_dose(best)}: {expected}."


def _dose(dose: Dose) -> str:
    rows = dose.condition.mean("rows")
    untold = [
        (axis, value) for axis, value in dose.condition.axes.items() if f"{axis}={value}" not in dose.name
    ]
    axes = ", ".join(f"{axis} {value}" for axis, value in untold)
    size = f"{rows:,.0f} rows" if rows else ""
    inside = "; ".join(part for part in (size, axes if axes not in dose.name else "") if part)
    return f"{dose.name} ({inside})" if inside else dose.name


def _rows_told(sizes: tuple[float, float], reference: str | None) -> str:
    return f" It has {sizes[0]:,.0f} rows, {reference} {sizes[1]:,.0f}: a part of the change may be that."


def _chosen(answer: Answer) -> str:
    """That the figures are of one chosen on the very rows that it was tested on."""
    if len(answer.doses) < 2 or not answer.best or not answer.best.outcome.covers:
        return ""
    return (
        f" They allow for its being the best of {len(answer.doses)} on this test set: at 95 % all losses lie "
        "in theirs together, and all changes."
    )


def _covered(best: Dose) -> str:
    outcome = best.outcome
    if not outcome.covers:
        return "One seed, and no losses by row: these figures have no interval. Run several seeds."
    if "seeds" in outcome.covers:
        return f"Intervals cover {' and '.join(outcome.covers)} ({outcome.seeds} seeds each)."
    return (
        "Intervals cover the choice of test rows, not the chance in generating and training: run several "
        "seeds before you rely on a small difference."
    )


def _warning(avoid: Avoid, question: Question) -> str:
    evidence = ", ".join(f"{TITLES.get(name, name)} {value:.3g}" for name, value in avoid.evidence.items())
    measured = f" Measured of the data: {evidence}." if evidence else ""
    if avoid.stopped:
        return f"{avoid.name} was not trained on: {avoid.stopped}.{measured}"
    title = TITLES.get(question.y, question.y)
    moved = f"{title} {told(avoid.change, signed=True)}" if avoid.change else ""
    if avoid.worse_than_untuned and avoid.change:
        moved += f" against {avoid.reference}"
    worse = " It is worse than no training at all." if avoid.worse_than_untuned else ""
    sizes = _rows_told(avoid.sizes, avoid.reference) if avoid.sizes else ""
    instead = "" if avoid.worse_than_untuned else f" in place of {avoid.reference}"
    return f"Do not train on {avoid.name}{instead}: {moved}.{worse}{sizes}{measured}"


def _correlation(found: Correlation, title: str) -> str:
    return (
        f"{TITLES.get(found.measure, found.measure)} and {title} over {found.conditions} conditions: "
        f"Pearson {_coefficient(found.pearson)}, Spearman {_coefficient(found.spearman)}, "
        f"p = {found.p:.2g} by permutation, q = {found.q:.2g}."
    )


def _coefficient(found: Coefficient) -> str:
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def _within(answer: Answer) -> str:
    told_axes = ", ".join(f"{axis} {value}" for axis, value in answer.within.items())
    return f"[{told_axes}] " if told_axes else ""


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
