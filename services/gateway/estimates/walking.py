"""A plan's jobs in their order, each asked about with what those before it would make."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from services.gateway.estimates.asking import Estimates, Unknown
from shared.artifacts import find_manifest
from shared.contracts.base import JobRequest
from shared.contracts.estimates import Coming, JobEstimate
from shared.identity import artifact_id, digest
from shared.store.base import ObjectStore


def estimated(
    estimates: Estimates, project: str, store: ObjectStore, requests: Mapping[str, JobRequest]
) -> Iterator[tuple[str, JobEstimate | Unknown]]:
    """Of each job that has anything left to do. `requests` by name, each after those whose artifacts it
    reads."""
    largest = _largest_dataset(store, requests)
    coming: dict[str, Coming] = {}
    for name, request in requests.items():
        artifact = artifact_id(request)
        if find_manifest(store, artifact) is not None:
            continue
        sizes = {read: coming[read] for read in request.input_artifacts().values() if read in coming}
        body, named = _alike(request, sizes)
        answer = estimates.ask(project, request.queue, request.operation, body, named)
        made = answer.makes if isinstance(answer, JobEstimate) else Coming()
        coming[artifact] = made if made.like else made.model_copy(update={"like": largest})
        yield name, answer


def _largest_dataset(store: ObjectStore, requests: Mapping[str, JobRequest]) -> str | None:
    """Of the datasets that exist and that the plan reads: what nothing else is known of is taken to be like
    it. The largest, so that it is no test set."""
    read = {name for request in requests.values() for name in request.input_artifacts().values()}
    found = [
        (int(manifest.figure("rows") or 0), name)
        for name in sorted(read)
        if name.startswith("dataset-") and (manifest := find_manifest(store, name)) is not None
    ]
    return max(found)[1] if found else None


def _alike(
    request: JobRequest, sizes: Mapping[str, Coming]
) -> tuple[dict[str, JsonValue], dict[str, Coming]]:
    """The request with the seed 0, and its inputs that are still to be made named by what is known of them:
    jobs of a sweep that differ in nothing else become one question."""
    seen: Counter[str] = Counter()
    names: dict[str, str] = {}
    for artifact, size in sizes.items():
        known = digest(size.model_dump(mode="json"))
        names[artifact] = f"{artifact.partition('-')[0]}-{digest([known, seen[known]])}"
        seen[known] += 1
    body = {name: _renamed(value, names) for name, value in request.canonical().items()}
    if "seed" in body:
        body["seed"] = 0
    return body, {names[artifact]: size for artifact, size in sizes.items()}


def _renamed(value: JsonValue, names: Mapping[str, str]) -> JsonValue:
    if isinstance(value, str):
        return names.get(value, value)
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    return value
