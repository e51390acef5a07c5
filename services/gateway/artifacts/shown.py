"""Artifacts as the API shows them: a class for each operation, so that clients read each summary typed."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, create_model

from shared.contracts.artifacts import Manifest
from shared.contracts.base import JobRequest, Queue
from shared.contracts.operations import OPERATIONS


class UntypedArtifact(Manifest):
    """An artifact whose summary is shown as it is stored: it is not of the class that its operation promises
    today."""

    note: str = Field(description="Why the summary has no type here, and what to do about it.")


def _shown_class(request: type[JobRequest]) -> type[Manifest]:
    name = request.__name__.removesuffix("Request")
    first_line = (request.__doc__ or request.operation).strip().splitlines()[0].rstrip(".")
    fields: dict[str, Any] = {
        "operation": (Literal[request.operation], ...),
        "summary": (request.result, ...),
    }
    return create_model(
        f"{name}Artifact", __base__=Manifest, __doc__=f"What this made: {first_line}.", **fields
    )


_CLASSES = {
    operation: _shown_class(request)
    for operation, request in OPERATIONS.items()
    if request.queue is not Queue.COORDINATE  # an experiment's artifact is its report
}

_ANY_OF_THEM: Any = reduce(or_, _CLASSES.values())
ShownArtifact: Any = Annotated[_ANY_OF_THEM, Field(discriminator="operation")] | UntypedArtifact
"""What a response is: of the class of its operation, found by `operation`, or untyped with a note."""


def shown(manifest: Manifest) -> Manifest:
    """The manifest as the class of its operation, or as an `UntypedArtifact`; what it says stays the same."""
    said = {name: getattr(manifest, name) for name in manifest.model_fields_set}
    kind = _CLASSES.get(manifest.operation)
    if kind is None:
        return UntypedArtifact(
            **said, note=f"this service knows no operation {manifest.operation!r}: upgrade it to read more"
        )
    try:
        summary = manifest.summary_as(OPERATIONS[manifest.operation].result)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return UntypedArtifact(
            **said,
            note=f"its summary is of another release (version {manifest.version} of {manifest.operation}; "
            f"{place}: {first['msg']}): read it as it stands, or post its request again",
        )
    return kind(**{**said, "summary": summary})
