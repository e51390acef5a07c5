"""The `propose` operation: the mixture to try in one slot of a rung."""

from __future__ import annotations

from typing import Any

from services.metrics.jobs.select import make_mixture
from services.metrics.proposing import Point, Space, Tried, propose
from shared.contracts.advice import ProposalRequest, TriedMixture
from shared.contracts.mixture import MixtureRequest
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace

TRIALS = "trials.json"


def make_proposal(request: ProposalRequest, workspace: Workspace) -> dict[str, Any]:
    """The mixture's rows, and `trials.json`: what was tried, best first. Raises InvalidData when nothing that
    was tried has a figure."""
    tried = [(entry, found) for entry in request.history if (found := _tried(entry, request, workspace))]
    if request.history and not tried:
        raise InvalidData(f"none of the {len(request.history)} mixtures of the rung before was evaluated")
    rungs = [_rung(entry) for entry, _ in tried]
    latest = [found for rung, (_, found) in zip(rungs, tried, strict=True) if rung == max(rungs)]
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
    summary = make_mixture(mixture, workspace)
    told = sorted(
        (_told(entry, found) for entry, found in tried), key=lambda trial: (-trial["rung"], trial["value"])
    )
    workspace.output.put_json(TRIALS, told)
    return summary | {
        "pool": point.pool,
        "pool_dataset": request.pools[point.pool],
        "planned_rho": point.rho,
        "trials": len(told),
    }


def _tried(entry: TriedMixture, request: ProposalRequest, workspace: Workspace) -> Tried | None:
    if entry.evaluation is None:
        return None
    made = workspace.input(entry.mixture).summary
    value = workspace.input(entry.evaluation).summary.get(request.figure)
    if not isinstance(value, int | float) or made.get("pool") not in request.pools:
        return None
    return Tried(Point(str(made["pool"]), float(made["planned_rho"])), float(value))


def _rung(entry: TriedMixture) -> int:
    """Losses of different rungs are of trainings of different sizes: only those of one are compared."""
    return int(entry.axes.get("rung", 0))


def _told(entry: TriedMixture, found: Tried) -> dict[str, Any]:
    return {
        "pool": found.point.pool,
        "rho": found.point.rho,
        "value": found.value,
        "rung": _rung(entry),
        "mixture": entry.mixture,
        "evaluation": entry.evaluation,
    }
