"""`/v1/datasets`: rows come in and are looked at; no byte of a file passes through the gateway."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from services.gateway.access.projects import Project, asking
from services.gateway.artifacts.browsing import read_rows
from services.gateway.artifacts.uploads import Uploads, new_upload
from services.gateway.context import Gateway, InGateway
from services.gateway.cursors import read_cursor, write_cursor
from services.gateway.jobs.submitting import accept
from services.gateway.routes.parameters import Cursor, DatasetId, IdempotencyKey, Limit
from services.gateway.views import ArtifactPage, DatasetTicket, RowPage
from shared.artifacts import Artifact, find_manifest
from shared.contracts.base import ArtifactKind
from shared.contracts.datasets import IngestRequest
from shared.contracts.jobs import Job
from shared.contracts.problems import FieldError
from shared.datasets import PROMPTS, ROWS
from shared.errors import InvalidRequest
from shared.http.service import Responses
from shared.identity import artifact_id, job_id
from shared.prompts import prompts_of

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
UploadId = Annotated[str, Path(pattern=r"^upload-[0-9a-f]{32}$")]
RoleName = Annotated[str, Query(max_length=100, description="Another JSONL part, such as `contexts.jsonl`.")]
CREATED: Responses = {
    200: {"model": DatasetTicket, "description": "The dataset exists already: nothing is to be uploaded."},
    201: {"model": DatasetTicket, "description": "The upload is open."},
}


@router.post("", status_code=201, responses=CREATED)
def create_dataset(
    body: IngestRequest, gateway: InGateway, project: Project, response: Response
) -> DatasetTicket:
    """Announce a file of rows, named by its SHA-256, and learn where to put its bytes."""
    if find_manifest(gateway.store(project), artifact_id(body)) is None:
        before = gateway.platform.records.show(job_id(project, body))
        return _uploads(gateway, project).start(body, before)
    response.status_code = 200
    record = gateway.platform.submission.submit(
        project, body, asking.get()
    )  # finds the artifact: nothing runs
    return DatasetTicket(id=new_upload(), dataset=artifact_id(body), uploads=[], job=gateway.shown(record))


@router.post("/{upload}/complete", status_code=202)
def complete_dataset(
    upload: UploadId,
    gateway: InGateway,
    project: Project,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """All parts are put: the job that reads the rows and makes the dataset."""
    request = _uploads(gateway, project).finish(upload)
    return accept(gateway, project, request, response, idempotency_key)


@router.get("")
def list_datasets(
    gateway: InGateway, project: Project, limit: Limit = 50, cursor: Cursor = None
) -> ArtifactPage:
    """The project's datasets, newest first: uploaded, generated and mixed."""
    return gateway.artifacts_page(project, ArtifactKind.DATASET, limit, cursor)


@router.get("/{dataset}/rows")
def list_rows(
    dataset: DatasetId,
    gateway: InGateway,
    project: Project,
    part: RoleName = ROWS,
    limit: Limit = 50,
    cursor: Cursor = None,
    prompts: bool = False,
) -> RowPage:
    """The dataset's rows, or those of another of its parts, in their order. With `prompts`, the `origin` of
    each generated row holds the very prompt that it answers, as `prompt`."""
    artifact = gateway.artifact(project, dataset)
    page = page_of_rows(gateway, project, artifact, part, limit, cursor)
    if prompts and artifact.has(PROMPTS):
        _show_prompts(artifact, page.rows)
    return page


def _show_prompts(artifact: Artifact, rows: list[dict[str, Any]]) -> None:
    origins = [row["origin"] for row in rows if isinstance(row.get("origin"), dict)]
    found = prompts_of((str(origin.get("prompt_hash")) for origin in origins), lambda: artifact.rows(PROMPTS))
    for origin in origins:
        origin["prompt"] = found.get(str(origin.get("prompt_hash")))


def page_of_rows(
    gateway: Gateway, project: str, artifact: Artifact, part: str, limit: int, cursor: str | None
) -> RowPage:
    """A page of a part, which is read where it lies: its size is checked, the digest only where a row makes
    no sense. Whoever uses the rows has them all checked.

    Raises `InvalidRequest` when the part holds no rows, or for a cursor of no page, and `DamagedArtifact`.
    """
    found = artifact.manifest.part(part)
    if found is None or found.rows is None:
        known = ", ".join(part.name for part in artifact.manifest.parts if part.rows is not None)
        detail = f"{artifact.id} has no rows in a part {part!r}; there is {known or 'none'}"
        raise InvalidRequest(detail, [FieldError(pointer="/part", detail=detail)])
    offset: int = read_cursor(cursor, (int,))[0] if cursor else 0
    artifact.check_size(part)
    try:
        read = read_rows(gateway.store(project), artifact.key(part), found.bytes, offset, limit)
    except ValueError:
        artifact.check(part)
        raise
    following = write_cursor(read.next) if read.next is not None else None
    return RowPage(rows=read.rows, total=found.rows, next=following)


def _uploads(gateway: Gateway, project: str) -> Uploads:
    expires = timedelta(seconds=gateway.settings.upload_url_seconds)
    return Uploads(gateway.store(project), expires)
