"""The `propose` operation: the mixture to try in one slot of a rung."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.metrics.jobs.select import make_mixture
from services.metrics.proposing import Point, Space, Tried, propose, ranked
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
    workspace.output.put_json(TRIALS, _trials(request, latest, workspace))
    return summary | {
        "pool": point.pool,
        "pool_dataset": request.pools[point.pool],
        "planned_rho": point.rho,
        "trials": len(tried),
    }


def _tried(entry: TriedMixture, request: ProposalRequest, workspace: Workspace) -> Tried | None:
    point = _point(entry, request, workspace)
    if entry.evaluation is None or point is None:
        return None
    value = workspace.input(entry.evaluation).summary.get(request.figure)
    return Tried(point, float(value)) if isinstance(value, int | float) else None


def _point(entry: TriedMixture, request: ProposalRequest, workspace: Workspace) -> Point | None:
    made = workspace.input(entry.mixture).summary
    if made.get("pool") not in request.pools:
        return None
    return Point(str(made["pool"]), float(made["planned_rho"]))


def _rung(entry: TriedMixture) -> int:
    """Losses of different rungs are of trainings of different sizes: only those of one are compared."""
    return int(entry.axes.get("rung", 0))


def _trials(request: ProposalRequest, latest: Sequence[Tried], workspace: Workspace) -> list[dict[str, Any]]:
    """Every mixture that was tried, the last rung first and in it the best first.

    `outcome`: `kept` when the next rung tried it again (in the last rung: when this one keeps it), `pruned`
    when it did not, `failed` when there is no figure of it.
    """
    points = [(entry, _point(entry, request, workspace)) for entry in request.history]
    went_on = {(_rung(entry) - 1, point) for entry, point in points}
    last = max((_rung(entry) for entry in request.history), default=0)
    went_on |= {(last, survivor.point) for survivor in ranked(latest)[: request.keep]}
    told = []
    for entry, point in points:
        found = _tried(entry, request, workspace)
        kept = (_rung(entry), point) in went_on
        told.append(
            {
                "pool": point.pool if point else None,
                "rho": point.rho if point else None,
                "value": found.value if found else None,
                "rung": _rung(entry),
                "outcome": ("kept" if kept else "pruned") if found else "failed",
                "mixture": entry.mixture,
                "evaluation": entry.evaluation,
            }
        )
    return sorted(told, key=lambda t: (-t["rung"], t["value"] is None, t["value"] or 0.0))
