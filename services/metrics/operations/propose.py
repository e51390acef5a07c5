"""The `propose` operation: the mixture to try in one slot of a rung."""

from __future__ import annotations

from services.metrics.operations.select import make_mixture
from services.metrics.operations.trials import read_trial, told_trials
from services.metrics.proposing import Space, propose, ranked
from shared.contracts.advice import ProposalRequest, ProposalSummary
from shared.contracts.mixture import MixtureRequest
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace

TRIALS = "trials.json"


def make_proposal(request: ProposalRequest, workspace: Workspace) -> ProposalSummary:
    """The mixture's rows, and `trials.json`: what was tried, best first. Raises InvalidData when nothing that
    was tried has a figure."""
    trials = [read_trial(entry, request.figure, workspace, request.pools) for entry in request.history]
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
    told = told_trials(trials, ranked(latest)[: request.keep])
    workspace.output.put_json(TRIALS, [trial.model_dump(mode="json") for trial in told])
    return ProposalSummary(
        **written.given(),
        pool=point.pool,
        pool_dataset=request.pools[point.pool],
        planned_rho=point.rho,
        trials=len(tried),
    )
