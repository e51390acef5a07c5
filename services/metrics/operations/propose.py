"""The `propose` operation: the mixture to try in one slot of a rung."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.metrics.operations.select import make_mixture
from services.metrics.proposing import Point, Space, Tried, propose, ranked
from shared.contracts.advice import MixtureTrial, ProposalRequest, ProposalSummary, TriedMixture
from shared.contracts.mixture import MixtureRequest
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace

TRIALS = "trials.json"


def make_proposal(request: ProposalRequest, workspace: Workspace) -> ProposalSummary:
    """The mixture's rows, and `trials.json`: what was tried, best first. Raises InvalidData when nothing that
    was tried has a figure."""
    trials = [_trial(entry, request, workspace) for entry in request.history]
    tried = [(trial.rung, found) for trial in trials if (found := trial.tried)]
    if request.history and not tried:
        raise InvalidData(f"none of the {len(request.history)} mixtures of the rung before was evaluated")
    last = max((rung for rung, _ in tried), default=0)
    latest = [found for rung, found in tried if rung == last]
    search = request.search
    space = Space(tuple(request.pools), search.low, search.high, search.step)
    point = propose(space, latest, slot=request.slot, keep=request.keep, seed=request.seed)
    mixture = MixtureRequest(
        real=request.real,
        generated=request.pools[point.pool],
        rho=point.rho,
        mode="additive",
        size=request.size,
        seed=request.seed,
    )
    written = make_mixture(mixture, workspace)
    told = _told(trials, ranked(latest)[: request.keep])
    workspace.output.put_json(TRIALS, [trial.model_dump(mode="json") for trial in told])
    return ProposalSummary(
        **written.given(),
        pool=point.pool,
        pool_dataset=request.pools[point.pool],
        planned_rho=point.rho,
        trials=len(tried),
    )


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


def _trial(entry: TriedMixture, request: ProposalRequest, workspace: Workspace) -> ReadTrial:
    mixture = workspace.input(entry.mixture)
    proposed = "pool" in mixture.summary
    made = mixture.summary_as(ProposalSummary) if proposed else None
    point = Point(made.pool, made.planned_rho) if made and made.pool in request.pools else None
    value = workspace.input(entry.evaluation).manifest.figure(request.figure) if entry.evaluation else None
    return ReadTrial(entry, point, None if value is None else float(value))


def _told(trials: Sequence[ReadTrial], survivors: Sequence[Tried]) -> list[MixtureTrial]:
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
                outcome=("kept" if kept else "pruned") if trial.tried else "failed",
                mixture=trial.entry.mixture,
                evaluation=trial.entry.evaluation,
            )
        )
    return sorted(told, key=lambda t: (-t.rung, t.value is None, t.value or 0.0))
