"""Mixtures that a search tried, read from their artifacts: for the next proposal, and for the report."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Literal

from services.metrics.proposing import Point, Tried, ranked
from shared.contracts.advice import ProposalSummary
from shared.contracts.trials import MixtureTrial, TriedMixture
from shared.jobs.workspace import Workspace


@dataclass(frozen=True)
class ReadTrial:
    """A mixture that was tried, as its artifacts tell of it; None where they do not."""

    entry: TriedMixture
    point: Point | None
    value: float | None

    @property
    def rung(self) -> int:
        """Losses of different rungs are of trainings of different sizes: only those of one are compared."""
        return int(self.entry.axes.get("rung", 0))

    @property
    def tried(self) -> Tried | None:
        return None if self.point is None or self.value is None else Tried(self.point, self.value)


def read_trial(
    entry: TriedMixture, figure: str, workspace: Workspace, pools: Container[str] | None = None
) -> ReadTrial:
    """`figure` of its evaluation; a mixture of none of the `pools`, where they are given, is no point."""
    mixture = workspace.input(entry.mixture)
    proposed = "pool" in mixture.summary
    made = mixture.summary_as(ProposalSummary) if proposed else None
    point = Point(made.pool, made.planned_rho) if made and (pools is None or made.pool in pools) else None
    value = workspace.input(entry.evaluation).manifest.figure(figure) if entry.evaluation else None
    return ReadTrial(entry, point, None if value is None else float(value))


def ended_trials(trials: Sequence[ReadTrial]) -> list[MixtureTrial]:
    """Of a search that has ended: in its last rung the best one was kept."""
    last = max((trial.rung for trial in trials), default=0)
    return told_trials(
        trials, ranked([found for trial in trials if trial.rung == last and (found := trial.tried)])[:1]
    )


def told_trials(trials: Sequence[ReadTrial], survivors: Sequence[Tried]) -> list[MixtureTrial]:
    """Every mixture that was tried, the last rung first and in it the best first."""
    last = max((trial.rung for trial in trials), default=0)
    went_on = {(trial.rung - 1, trial.point) for trial in trials}
    went_on |= {(last, survivor.point) for survivor in survivors}
    told = []
    for trial in trials:
        kept = (trial.rung, trial.point) in went_on
        told.append(
            MixtureTrial(
                pool=trial.point.pool if trial.point else None,
                rho=trial.point.rho if trial.point else None,
                value=trial.tried.value if trial.tried else None,
                rung=trial.rung,
                outcome=_outcome(trial, kept),
                why=trial.entry.stopped,
                mixture=trial.entry.mixture,
                evaluation=trial.entry.evaluation,
            )
        )
    return sorted(told, key=lambda t: (-t.rung, t.value is None, t.value or 0.0))


def _outcome(trial: ReadTrial, kept: bool) -> Literal["kept", "pruned", "failed", "refused"]:
    if trial.tried:
        return "kept" if kept else "pruned"
    return "refused" if trial.entry.stopped else "failed"
