"""`/v1/artifacts`: what was made, from what, and its parts to download."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import RedirectResponse

from services.gateway.access.projects import Project
from services.gateway.artifacts.shown import ShownArtifact, shown
from services.gateway.context import ArtifactNotFound, InGateway
from services.gateway.routes.datasets import page_of_rows
from services.gateway.routes.parameters import Cursor, Limit, SomeArtifactId
from services.gateway.views import ArtifactPage, Lineage, RowPage
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactKind

router = APIRouter(prefix="/v1/artifacts", tags=["artifacts"])
RowsPart = Annotated[str, Query(max_length=100, description="A JSONL part of the artifact.")]


@router.get("")
def list_artifacts(
    gateway: InGateway,
    project: Project,
    kind: ArtifactKind | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ArtifactPage:
    """The project's artifacts (of one kind), newest first."""
    return gateway.artifacts_page(project, kind, limit, cursor)


@router.get("/{artifact}", response_model=ShownArtifact, response_model_exclude_unset=True)
def get_artifact(artifact: SomeArtifactId, gateway: InGateway, project: Project) -> Manifest:
    """What the artifact is, what made it and from what."""
    return shown(gateway.artifact(project, artifact).manifest)


@router.get(
    "/{artifact}/parts/{name:path}",
    status_code=307,
    response_class=RedirectResponse,
    responses={307: {"description": "To an address of the object store that is good for a few minutes."}},
)
def download_part(
    artifact: SomeArtifactId,
    name: Annotated[str, Path(min_length=1, max_length=200)],
    gateway: InGateway,
    project: Project,
) -> RedirectResponse:
    """One part, from the object store itself."""
    found = gateway.artifact(project, artifact)
    if not found.has(name):
        parts = ", ".join(part.name for part in found.manifest.parts)
        raise ArtifactNotFound(f"{artifact} has no part {name!r}; there is {parts or 'none'}")
    expires = timedelta(seconds=gateway.settings.download_url_seconds)
    return RedirectResponse(gateway.store(project).download_url(found.key(name), expires), 307)


@router.get("/{artifact}/rows")
def list_part_rows(
    artifact: SomeArtifactId,
    gateway: InGateway,
    project: Project,
    part: RowsPart,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RowPage:
    """A page of a part that holds rows, in their order: of a measurement the rows that its measures name
    (`uncovered.jsonl`, `echoes.jsonl`), of an evaluation its losses."""
    return page_of_rows(gateway, project, gateway.artifact(project, artifact), part, limit, cursor)


@router.get("/{artifact}/lineage")
def get_lineage(artifact: SomeArtifactId, gateway: InGateway, project: Project) -> Lineage:
    """Everything the artifact was made from, to the roots, and everything that was made from it."""
    gateway.artifact(project, artifact)
    return gateway.lineage.of(project, gateway.store(project), artifact)
