"""Whether the artifacts that a request reads are there: asked before a job, a preview or an estimate."""

from __future__ import annotations

from shared.artifacts import find_manifest
from shared.contracts.base import JobRequest
from shared.contracts.problems import FieldError
from shared.damage import was_set_aside
from shared.errors import InputMissing
from shared.store.base import ObjectStore


def check_inputs(store: ObjectStore, request: JobRequest, below: str = "") -> None:
    """Raises `InputMissing` with a pointer to each field that names what the project's store has not.

    `below` is the pointer to the request in the body that the caller sent.
    """
    absent = [
        FieldError(pointer=f"{below}/{role}", detail=_why_absent(store, artifact))
        for role, artifact in request.input_artifacts().items()
        if find_manifest(store, artifact) is None
    ]
    if absent:
        raise InputMissing(errors=absent)


def _why_absent(store: ObjectStore, artifact: str) -> str:
    known = was_set_aside(store, artifact)
    return known.detail if known else f"there is no artifact {artifact}"
