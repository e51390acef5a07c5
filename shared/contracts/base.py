"""The base of every wire model, and the request every job starts from."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema

from shared.contracts.json_types import JsonObject, refuse_other_types

ArtifactId = Annotated[
    str,
    StringConstraints(pattern=r"^(dataset|topics|measurement|model|evaluation|report)-[0-9a-f]{32}$"),
]
"""Names an artifact: its kind and 128 bits of the digest of what made it (see `shared.identity`)."""


class ArtifactKind(StrEnum):
    DATASET = "dataset"
    TOPICS = "topics"
    MEASUREMENT = "measurement"
    MODEL = "model"
    EVALUATION = "evaluation"
    REPORT = "report"


class Queue(StrEnum):
    """One queue per service that has workers."""

    COORDINATE = "coordinate"
    GENERATE = "generate"
    MEASURE = "measure"
    TRAIN = "train"


class Contract(BaseModel):
    """A wire model: immutable, and an unknown field is an error, so that a typo never passes silently.

    Nor does a value of another JSON type: `"12"` and `true` are no numbers, `1` is no truth value. A
    docstring below a field is its description in the schema; what is for the code's readers is a comment.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        refuse_other_types(schema, cls)
        return schema


class ArtifactSummary(Contract):
    """What an operation found, short enough to be read without opening a part.

    Handlers return it and the artifact's manifest keeps it. Every operation's request class names the class
    of its summary (`JobRequest.result`). A field that artifacts of an earlier release lack has a default.
    """

    @classmethod
    def read(cls, stored: JsonObject) -> Self:
        """The summary of a manifest, whatever release wrote it: what is missing takes its default, and what
        is no longer known is left out. Raises pydantic's `ValidationError` when that is not enough."""
        if cls.model_config.get("extra") == "allow":
            return cls.model_validate(stored)
        return cls.model_validate(stored, extra="ignore")

    def given(self) -> dict[str, Any]:
        """The fields that were given, for a summary that says more."""
        return self.model_dump(exclude_unset=True)

    def stored(self) -> JsonObject:
        """As the manifest keeps it: plain JSON, of the fields that were given."""
        return self.model_dump(mode="json", exclude_unset=True)


class JobRequest(Contract):
    """What a job is asked to make. The class declares the operation; the fields are its arguments.

    Two equal requests of the same operation and version name the same artifact, so every field that
    changes the result belongs here (seeds included) and nothing else does. Raise `version` when the
    same request would now make something else.
    """

    operation: ClassVar[str]
    version: ClassVar[int]
    produces: ClassVar[ArtifactKind]
    queue: ClassVar[Queue]
    result: ClassVar[type[ArtifactSummary]]

    def input_artifacts(self) -> dict[str, str]:
        """The artifacts this request reads, by role. They must exist before the job is accepted."""
        return {}

    def canonical(self) -> JsonObject:
        """The request as plain JSON, defaults written out: what is digested and kept."""
        return self.model_dump(mode="json")
