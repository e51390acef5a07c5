"""Where in a document something is wrong."""

from __future__ import annotations

from pydantic import ValidationError

from shared.contracts.problems import FieldError, pointer

Place = tuple[str | int, ...]
"""The steps from the root of a document to one of its values."""

MAX_FAULTS = 100


def faults(error: ValidationError) -> list[tuple[Place, str]]:
    """What pydantic found wrong, by place. Its mark for a mapping's key is no step of the document."""
    found = []
    for fault in error.errors(include_url=False, include_input=False)[:MAX_FAULTS]:
        place = tuple(step for step in fault["loc"] if step != "[key]")
        found.append((place, fault["msg"].removeprefix("Value error, ")))
    return found


def field_errors(error: ValidationError, below: Place = ()) -> list[FieldError]:
    return [FieldError(pointer=pointer((*below, *place)), detail=detail) for place, detail in faults(error)]
