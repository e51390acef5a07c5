"""The pages: what the API tells, for people. Everything here can be had from `/v1` too."""

from __future__ import annotations

from itertools import islice
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from services.gateway.access.projects import Project
from services.gateway.context import Gateway, InGateway
from services.gateway.experiments.builtin import BUILT_IN
from services.gateway.experiments.showing import show_experiment
from services.gateway.pages.drawing import BOX_HEIGHT, BOX_WIDTH, draw
from services.gateway.pages.rendering import HERE, Pages
from services.gateway.routes.datasets import page_of_rows
from services.gateway.routes.parameters import Cursor, DatasetId, JobId, SomeArtifactId
from services.gateway.views import RecipeView, RowPage
from shared.contracts.base import ArtifactKind
from shared.contracts.datasets import REQUIRED_COLUMNS
from shared.contracts.experiment import ExperimentRequest
from shared.datasets import CONTEXTS, REJECTS, ROWS, dataset_kind
from shared.settings import CommonSettings

ROWS_SHOWN = 20
WORST = "worst_rows.jsonl"
"""The part of a trace that says where the worst rows come from."""
UNCOVERED, ECHOES = "uncovered.jsonl", "echoes.jsonl"
"""Parts of a measurement: the real rows that nothing comes near, and the rows that repeat their prompt."""
LISTED = (WORST, UNCOVERED, ECHOES)
Fragment = Annotated[bool, Query(description="Only what changes, for the script.")]
static = StaticFiles(directory=HERE / "static")


def make_router(settings: CommonSettings) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    pages = Pages(_store_origin(settings))

    @router.get("/", name="home_page")
    def home(gateway: InGateway, project: Project, fragment: Fragment = False) -> HTMLResponse:
        experiments = gateway.listing.page(project, 20, None, [ExperimentRequest.operation]).records
        others = gateway.listing.page(
            project, 15, None, None, lambda record: record.operation != ExperimentRequest.operation
        )
        return pages.render(
            "_home.html" if fragment else "home.html",
            experiments=[gateway.shown(record) for record in experiments],
            jobs=[gateway.shown(record) for record in others.records],
            datasets=gateway.artifacts_page(project, ArtifactKind.DATASET, 10, None).items,
            recipes=[RecipeView.of(name, document) for name, document in BUILT_IN.items()],
        )

    @router.get("/experiments/{job_id}", name="experiment_page")
    def experiment(
        job_id: JobId, gateway: InGateway, project: Project, fragment: Fragment = False
    ) -> Response:
        record = gateway.job(project, job_id)
        if record.operation != ExperimentRequest.operation:
            return RedirectResponse(f"/jobs/{job_id}")
        shown = show_experiment(gateway, record)
        return pages.render(
            "_experiment.html" if fragment else "experiment.html",
            job=shown.job,
            recipe=shown.job.request,
            nodes=shown.nodes,
            progress={
                node.job: gateway.platform.live.progress(node.job)
                for node in shown.nodes
                if node.job and node.state == "running"
            },
            findings=_findings(gateway, project, shown.job.artifact),
            drawing=draw(shown.nodes),
            box=(BOX_WIDTH, BOX_HEIGHT),
        )

    @router.get("/jobs/{job_id}", name="job_page")
    def job(job_id: JobId, gateway: InGateway, project: Project, fragment: Fragment = False) -> HTMLResponse:
        record = gateway.job(project, job_id)
        return pages.render("_job.html" if fragment else "job.html", job=gateway.shown(record))

    @router.get("/datasets", name="datasets_page")
    def datasets(gateway: InGateway, project: Project, cursor: Cursor = None) -> HTMLResponse:
        page = gateway.artifacts_page(project, ArtifactKind.DATASET, 50, cursor)
        return pages.render("datasets.html", page=page)

    @router.get("/datasets/{dataset}", name="dataset_page")
    def dataset(
        dataset: DatasetId,
        gateway: InGateway,
        project: Project,
        part: Annotated[str, Query(max_length=100)] = ROWS,
        cursor: Cursor = None,
        beside: Annotated[str, Query(pattern=r"^(dataset-[0-9a-f]{32})?$")] = "",
        beside_cursor: Cursor = None,
    ) -> HTMLResponse:
        sides = [_side(gateway, project, dataset, part, cursor)]
        if beside:
            sides.append(_side(gateway, project, beside, ROWS, beside_cursor))
        listed = gateway.artifacts_page(project, ArtifactKind.DATASET, 100, None).items
        return pages.render(
            "dataset.html",
            sides=sides,
            part=part,
            beside=beside,
            cursor=cursor or "",
            beside_cursor=beside_cursor or "",
            others=[found for found in listed if found.id != dataset],
        )

    @router.get("/artifacts/{artifact}", name="artifact_page")
    def artifact(artifact: SomeArtifactId, gateway: InGateway, project: Project) -> HTMLResponse:
        found = gateway.artifact(project, artifact)
        lineage = gateway.lineage.of(project, gateway.store(project), artifact)
        shown = {part: list(islice(found.rows(part), ROWS_SHOWN)) for part in LISTED if found.has(part)}
        return pages.render(
            "artifact.html",
            manifest=found.manifest,
            lineage=lineage,
            worst=shown.get(WORST, []),
            uncovered=shown.get(UNCOVERED, []),
            echoes=shown.get(ECHOES, []),
        )

    return router


def _findings(gateway: Gateway, project: str, report: str | None) -> list[str]:
    """What the experiment's report says, where there is one."""
    if report is None:
        return []
    found = gateway.artifact(project, report).summary.get("findings")
    return [str(finding) for finding in found] if isinstance(found, list) else []


def _side(gateway: Gateway, project: str, dataset: str, part: str, cursor: str | None) -> dict[str, object]:
    """One dataset's page of rows, and the columns that its kind has."""
    found = gateway.artifact(project, dataset)
    rows: RowPage = page_of_rows(gateway, project, found, part, ROWS_SHOWN, cursor)
    columns = [*REQUIRED_COLUMNS[dataset_kind(found.manifest)]] if part == ROWS else []
    parts = [name for name in (ROWS, CONTEXTS, REJECTS) if found.has(name)]
    return {"manifest": found.manifest, "rows": rows, "columns": columns, "parts": parts}


def _store_origin(settings: CommonSettings) -> str:
    """Where presigned addresses lead."""
    if settings.store == "local":
        parts = urlsplit(settings.public_url)
        return f"{parts.scheme}://{parts.netloc}"
    secure = settings.s3_secure if settings.s3_public_secure is None else settings.s3_public_secure
    return f"{'https' if secure else 'http'}://{settings.s3_public_endpoint or settings.s3_endpoint}"
