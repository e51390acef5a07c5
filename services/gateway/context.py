"""What the gateway's routes work with, put together once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import redis.asyncio
from fastapi import Depends, Request

from services.gateway.access.audit import AuditLog
from services.gateway.access.keys import Keyring
from services.gateway.access.quotas import Quotas, quotas_of, with_quotas
from services.gateway.artifacts.lineage import LineageIndex
from services.gateway.catalogue import Catalogue, Operations
from services.gateway.jobs.cancellation import Cancellation
from services.gateway.jobs.events import EventHub
from services.gateway.jobs.listing import JobListing
from services.gateway.settings import GatewaySettings
from services.gateway.views import ArtifactPage, ArtifactView
from shared.artifacts import Artifact, find_manifest, has_manifest, project_store
from shared.assembly import Platform
from shared.contracts.base import ArtifactKind, Queue
from shared.contracts.jobs import Job, JobRecord
from shared.errors import NotFound
from shared.jobs.records import JobNotFound
from shared.store.base import ObjectStore


class ArtifactNotFound(NotFound):
    """There is no such artifact. `GET /v1/artifacts` lists those there are."""


@dataclass(frozen=True)
class Gateway:
    settings: GatewaySettings
    platform: Platform
    catalogue: Catalogue
    keyring: Keyring
    quotas: Quotas
    cancellation: Cancellation
    listing: JobListing
    events: EventHub
    lineage: LineageIndex
    audit: AuditLog

    def store(self, project: str) -> ObjectStore:
        return project_store(self.platform.store, project)

    def job(self, project: str, job_id: str) -> JobRecord:
        """Raises `JobNotFound`, for another project's job too."""
        record = self.platform.records.show(job_id)
        if record is None or record.project != project:
            raise JobNotFound(f"there is no job {job_id}")
        return record

    def artifact(self, project: str, artifact_id: str) -> Artifact:
        """Raises `ArtifactNotFound`."""
        store = self.store(project)
        manifest = find_manifest(store, artifact_id)
        if manifest is None:
            raise ArtifactNotFound(f"there is no artifact {artifact_id}")
        return Artifact(store, manifest)

    def artifacts_page(
        self, project: str, kind: ArtifactKind | None, limit: int, cursor: str | None
    ) -> ArtifactPage:
        """Artifacts by the jobs that made them, newest first."""
        makers = [
            name
            for name, request in self.catalogue.operations.items()
            if request.queue is not Queue.COORDINATE and kind in (None, request.produces)
        ]
        page = self.listing.page(project, limit, cursor, makers, lambda record: record.artifact is not None)
        store = self.store(project)
        found = (_listed(store, record) for record in page.records)
        return ArtifactPage(items=[made for made in found if made], next=page.next)

    def shown(self, record: JobRecord) -> Job:
        """The record with its progress beside it."""
        return Job(**record.model_dump(), progress=self.platform.live.progress(record.id))


def _listed(store: ObjectStore, record: JobRecord) -> ArtifactView | None:
    """The artifact of a job in a list; None when it was set aside."""
    artifact = str(record.artifact)
    if manifest := find_manifest(store, artifact):
        return ArtifactView.of(manifest)
    if not has_manifest(store, artifact):
        return None
    return ArtifactView(
        id=artifact,
        kind=ArtifactKind(artifact.partition("-")[0]),
        operation=record.operation,
        summary={},
        job=record.id,
        created_at=record.created_at,
        unreadable=True,
    )


def make_gateway(settings: GatewaySettings, platform: Platform, operations: Operations) -> Gateway:
    url = settings.redis_url.get_secret_value()
    keyring = Keyring(settings.api_keys_file)
    platform = with_quotas(platform, keyring)
    return Gateway(
        settings,
        platform,
        Catalogue.of(settings, operations),
        keyring,
        quotas_of(platform, keyring),
        Cancellation(platform.records, platform.live, platform.sender),
        JobListing(platform.records, platform.live),
        EventHub(redis.asyncio.Redis.from_url(url, decode_responses=True, protocol=2), platform.records),
        LineageIndex(),
        AuditLog(platform.store),
    )


def _gateway(request: Request) -> Gateway:
    found: Gateway = request.app.state.gateway
    return found


InGateway = Annotated[Gateway, Depends(_gateway)]
