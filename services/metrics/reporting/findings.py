"""What an answer says, in sentences that say no more than it does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.metrics.reporting.answer import Avoid, Question, ReportAnswer
from services.metrics.reporting.correlations import Coefficient, Correlation, smallest_significant
from services.metrics.reporting.lengths import FALLING
from services.metrics.reporting.power import certainty_told
from services.metrics.reporting.recommending import NOTHING, listed, recommendation, rows_told, told, within
from services.metrics.reporting.table import TITLES
from services.metrics.reporting.verdicts import Dose
from services.metrics.reporting.worth_told import worth_sentences
from shared.contracts.advice import ProposalSummary

STRONGEST = 3


@dataclass(frozen=True)
class Told:
    """The sentences of a report's answers, by what they are for."""

    recommendation: list[str]
    warnings: list[str]
    lengths: list[str]
    worths: list[str]
    certainty: list[str]
    trends: list[str]

    @property
    def all(self) -> list[str]:
        return [
            *self.recommendation,
            *self.worths,
            *self.certainty,
            *self.lengths,
            *self.warnings,
            *self.trends,
        ]


def tell(answers: Sequence[ReportAnswer], question: Question) -> Told:
    if not any(answer.best for answer in answers):
        stopped = [sentence for answer in answers for sentence in warnings(answer, question)]
        return Told([NOTHING], stopped, [], [], [], [])
    return Told(
        [sentence for answer in answers for sentence in recommendation(answer, question)],
        [sentence for answer in answers for sentence in warnings(answer, question)],
        [sentence for answer in answers for sentence in lengths(answer)],
        [sentence for answer in answers for sentence in worths(answer)],
        [within(answer) + sentence for answer in answers for sentence in certainty_told(answer.certainty)],
        [sentence for answer in answers for sentence in trends(answer, question)],
    )


def mixture_found(mixture: ProposalSummary | None, trials: Sequence[Mapping[str, Any]]) -> str:
    """What a search over mixtures ended with, from the summary of its last proposal; None: it came to no
    end."""
    pruned = sum(trial["outcome"] == "pruned" for trial in trials)
    ways = ("failed", "refused")
    counts = {way: sum(trial["outcome"] == way for trial in trials) for way in ways}
    rungs = len({trial["rung"] for trial in trials})
    lost = "".join(f", {count} {way}" for way, count in counts.items() if count)
    if mixture is None:
        return (
            f"The search came to no mixture: of {len(trials)} trials in {rungs} rungs {pruned} were "
            f"pruned{lost}."
        )
    return (
        f"The search's mixture is {mixture.real:,.0f} real rows and {mixture.generated:,.0f} of the "
        f"pool {mixture.pool} (ρ = {mixture.rho:.2g}); of {len(trials)} trials in {rungs} rungs "
        f"{pruned} were pruned{lost}."
    )


def warnings(answer: ReportAnswer, question: Question) -> list[str]:
    """What not to train on, as it was tried, with the evidence."""
    return [within(answer) + _warning(avoid, question) for avoid in answer.avoid]


def lengths(answer: ReportAnswer) -> list[str]:
    """Where the sides were not trained to their best: a fixed length, or a curve that still fell."""
    return [within(answer) + sentence for sentence in _lengths([*answer.doses, *answer.curve])]


def _lengths(doses: Sequence[Dose]) -> Iterator[str]:
    fixed = [dose for dose in doses if any(not length.chosen for length in dose.condition.lengths)]
    if fixed:
        counts = {f"{length.epochs:.3g}" for dose in fixed for length in dose.condition.lengths}
        some = counts.pop() if len(counts) == 1 else "a number of"
        who = "Every side" if len(fixed) == len(doses) else listed([dose.name for dose in fixed])
        yield (
            f"{who} was trained for a fixed length ({some} epochs), not to its best: differences may be of "
            "how far each got. Early stopping on rows held back from the real ones compares each at its best."
        )
    falling = [dose.name for dose in doses if any(length.falling for length in dose.condition.lengths)]
    if falling:
        yield (
            f"Still falling where the training ended: {listed(falling)} (by more than {FALLING:.0%} over the "
            "last quarter of the steps). A longer training would lower their loss: allow more epochs."
        )


def worths(answer: ReportAnswer) -> list[str]:
    """What generated rows are worth in real ones, where the runs have a learning curve of those."""
    return [within(answer) + sentence for sentence in worth_sentences(answer.worth)]


def trends(answer: ReportAnswer, question: Question) -> list[str]:
    """The measures that go with the loss most closely."""
    if not answer.correlations:
        return []
    title = TITLES.get(question.y, question.y)
    asked = [c for c in answer.correlations if c.measure == question.x]
    shown = [*asked, *(c for c in answer.correlations if c not in asked)][: STRONGEST + len(asked)]
    of = {"in_addition_to": " of additions", "in_place_of": " in place of real rows"}.get(
        answer.correlated or "", ""
    )
    said = [_correlation(c, title, of) for c in shown]
    said.append(
        f"Intervals and p are of one measure alone; q is p adjusted for the {len(answer.correlations)} "
        "measures looked at (false discovery rate). A correlation over conditions is no proof of a cause."
    )
    said.append(_power(min(c.conditions for c in shown)))
    return [within(answer) + sentence for sentence in said]


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
    return f"{_not_to_do(avoid)}: {moved}.{worse}{rows_told(avoid.sizes, avoid.reference)}{measured}"


def _not_to_do(avoid: Avoid) -> str:
    if avoid.worse_than_untuned:
        return f"Do not train on {avoid.name}"
    if avoid.design == "in_addition_to":
        return f"Do not add the rows of {avoid.name} to {avoid.reference}"
    if avoid.design == "in_place_of":
        return f"Do not train on {avoid.name} in place of {avoid.reference}"
    return f"{avoid.name} tested worse than {avoid.reference}"


def _correlation(found: Correlation, title: str, of: str) -> str:
    return (
        f"{TITLES.get(found.measure, found.measure)} and {title} over {found.conditions} conditions{of}: "
        f"Pearson {_coefficient(found.pearson)}, Spearman {_coefficient(found.spearman)}, "
        f"p = {found.p:.2g} by permutation, q = {found.q:.2g}."
    )


def _coefficient(found: Coefficient) -> str:
    return f"{found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
