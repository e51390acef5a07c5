"""Garbage collection over every project of the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from pydantic import ValidationError

from services.gateway.catalogue import Operations
from services.gateway.keeping.checking import projects
from services.gateway.keeping.rules import Ages, Needs, unneeded
from shared.artifacts import find_manifest, project_store
from shared.contracts.artifacts import Manifest
from shared.contracts.datasets import IngestRequest
from shared.identity import artifact_id
from shared.jobs.records import JobRecords
from shared.store.base import ObjectStore

log = structlog.get_logger(__name__)


@dataclass
class Collected:
    objects: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Collection:
    store: ObjectStore
    records: JobRecords
    operations: Operations
    ages: Ages

    def run(self, *, delete: bool, now: datetime | None = None) -> Collected:
        """Find what nothing needs and, with `delete`, remove it."""
        now = now or datetime.now(UTC)
        total = Collected()
        for project in projects(self.store):
            found = self._project(project, delete, now)
            log.info("collection.project", project=project, objects=found.objects, bytes=found.bytes)
            total.objects += found.objects
            total.bytes += found.bytes
        for usage in [*self.store.list("usage/"), *self.store.list("charged/")]:
            if usage.modified and now - usage.modified > self.ages.audit:
                total.objects += 1
                if delete:
                    self.store.delete(usage.key)
        return total

    def _project(self, project: str, delete: bool, now: datetime) -> Collected:
        store = project_store(self.store, project)
        listed = {found.key: found for found in store.list("")}
        needs = self._needs(project)
        manifests = dict(_manifests(store))
        unread = set(_with_manifests(listed)) - manifests.keys()  # nobody knows what they name: all is kept
        needs = Needs(needs.being_made | unread, needs.ingesting)
        collected = Collected()
        for key in unneeded(listed.values(), manifests, needs, self.ages, now):
            if delete:
                found = store.head(key)
                if found is None or found.modified != listed[key].modified:
                    continue  # written again since it was listed
                store.delete(key)
            collected.objects += 1
            collected.bytes += listed[key].bytes
        return collected

    def _needs(self, project: str) -> Needs:
        made: set[str] = set()
        ingesting = False
        for job in self.records.active():
            record = self.records.show(job)
            if record is None or record.project != project:
                continue
            ingesting = ingesting or record.operation == IngestRequest.operation
            kind = self.operations.get(record.operation)
            try:
                if kind is not None:
                    made.add(artifact_id(kind.model_validate(record.request)))
            except ValidationError:  # of an older version: what it makes has another name now
                continue
        return Needs(made, ingesting)


def _manifests(store: ObjectStore) -> Iterator[tuple[str, Manifest]]:
    for artifact in _with_manifests(found.key for found in store.list("artifacts/")):
        if manifest := find_manifest(store, artifact):
            yield artifact, manifest


def _with_manifests(keys: Iterable[str]) -> Iterator[str]:
    """The artifacts that have a manifest, whether it can be read or not."""
    for key in keys:
        artifact, _, rest = key.removeprefix("artifacts/").partition("/")
        if key.startswith("artifacts/") and rest == "manifest.json":
            yield artifact
