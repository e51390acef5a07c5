"""The `surface` operation: merged models against trained ones, and the mixture to take."""

from __future__ import annotations

from statistics import fmean

from services.metrics.surface.gate import SurfacePoint, judge
from shared.contracts.json_types import JsonObject
from shared.contracts.problems import FieldError
from shared.contracts.surface import SurfaceRequest, SurfaceSummary
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace


def make_surface(request: SurfaceRequest, workspace: Workspace) -> SurfaceSummary:
    """`surface.json`: every mixture with its losses, from the lowest merged one on, and what was left out.
    Raises InvalidData when an evaluation has no such figure, or no mixture has a merged model's."""
    merged: dict[str, list[float]] = {}
    trained: dict[str, list[float]] = {}
    for place, mixture in enumerate(request.mixtures):
        workspace.progress(place, len(request.mixtures), "mixtures")
        name = mixture.label or mixture.name
        for role, evaluation, losses in (
            ("merged", mixture.merged, merged),
            ("trained", mixture.trained, trained),
        ):
            if evaluation is not None:
                losses.setdefault(name, []).append(_figure(request, workspace, evaluation, f"{place}/{role}"))
    points = [
        SurfacePoint(name, fmean(values), fmean(trained[name]) if name in trained else None)
        for name, values in merged.items()
    ]
    found = judge(points)
    left_out = sorted(set(trained) - set(merged))
    told: list[JsonObject] = [
        {"name": point.name, "merged": point.merged, "trained": point.trained}
        for point in sorted(points, key=lambda point: point.merged)
    ]
    summary = SurfaceSummary(
        mixtures=len(points),
        trained=sum(point.trained is not None for point in points),
        gate=found.gate,
        chosen=found.chosen,
        correlation=found.correlation,
        p=found.p,
        regret=found.regret,
        left_out=left_out,
    )
    workspace.output.put_json("surface.json", {**summary.model_dump(mode="json"), "points": told})
    return summary


def _figure(request: SurfaceRequest, workspace: Workspace, evaluation: str, place: str) -> float:
    value = workspace.input(evaluation).manifest.figure(request.figure)
    if value is None:
        raise InvalidData(
            f"{evaluation} has no figure {request.figure!r}: name one that evaluations have, such as `loss`",
            [FieldError(pointer=f"/mixtures/{place}", detail=f"no figure {request.figure}")],
        )
    return float(value)
