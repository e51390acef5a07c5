"""What can be asked for: the operations, and the names that requests may use for sources and models.

A name becomes what it stands for before a request is kept: a source's model is part of what made the data.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from services.gateway.documents.pointers import Place
from services.gateway.settings import GatewaySettings, KnownSource
from shared.contracts.base import JobRequest
from shared.contracts.generation.acceptance import LengthUnit
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.problems import FieldError, pointer
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.errors import UnknownModel

Operations = Mapping[str, type[JobRequest]]
"""The request class of every operation."""


class UnknownNames(Exception):
    """Names of sources or models that this suite does not know, and where they stand in the request."""

    def __init__(self, faults: list[tuple[Place, str]]) -> None:
        super().__init__("; ".join(detail for _, detail in faults))
        self.faults = faults

    def as_problem(self) -> UnknownModel:
        errors = [FieldError(pointer=pointer(place), detail=detail) for place, detail in self.faults]
        return UnknownModel(f"{self}. An administrator adds names to GAMUT_SOURCES or GAMUT_MODELS", errors)


@dataclass(frozen=True)
class Catalogue:
    """`sources` and `models` are None where this process was not told them: then any name passes here."""

    operations: Operations
    sources: Mapping[str, KnownSource] | None = None
    models: Iterable[str] | None = None
    of_the_past: bool = False
    """Whether requests are read that were accepted before: their names may have been taken away since."""

    @classmethod
    def of(cls, settings: GatewaySettings, operations: Operations) -> Catalogue:
        return cls(operations, settings.sources, settings.models)

    def then(self) -> Catalogue:
        """For what was accepted before."""
        return replace(self, of_the_past=True)

    def request(self, operation: str, body: Mapping[str, Any]) -> JobRequest:
        """Raises pydantic's `ValidationError`, or `UnknownNames`."""
        return self.completed(self.operations[operation].model_validate(body))

    def completed(self, request: JobRequest) -> JobRequest:
        """The request with each source's model and revision written in, and what lengths are counted in.
        Raises `UnknownNames`."""
        faults = [*self._source_faults(request), *self._model_faults(request)]
        if faults:
            raise UnknownNames(faults)
        if self.sources is None:
            return request
        filled: JobRequest = self._filled(request)
        return self._with_unit(filled) if isinstance(filled, GenerationRequest) else filled

    def _source_faults(self, request: JobRequest) -> Iterator[tuple[Place, str]]:
        if self.sources is not None and not self.of_the_past:
            for place, source in _source_refs(request, ()):
                if source.name not in self.sources:
                    yield (*place, "name"), _unknown("source", source.name, self.sources)

    def _model_faults(self, request: JobRequest) -> Iterator[tuple[Place, str]]:
        if self.models is None or self.of_the_past:
            return
        if not isinstance(request, TrainingRequest | EvaluationRequest):
            return
        names = {"base": request.base}
        if isinstance(request, EvaluationRequest) and "compare" not in request.input_artifacts():
            names["compare"] = request.compare
        for field, name in names.items():
            if name is not None and name not in self.models:
                yield (field,), _unknown("model", name, self.models)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, SourceRef):
            assert self.sources is not None
            known = self.sources.get(value.name, KnownSource())
            served = {"model": value.model or known.model, "revision": value.revision or known.revision}
            return value.model_copy(update=served)
        if isinstance(value, BaseModel):
            fields = {name: getattr(value, name) for name in type(value).model_fields}
            changed = {name: new for name, old in fields.items() if (new := self._filled(old)) is not old}
            return value.model_copy(update=changed) if changed else value
        if isinstance(value, list) and any(isinstance(item, BaseModel) for item in value):
            return [self._filled(item) for item in value]
        return value

    def _with_unit(self, request: GenerationRequest) -> GenerationRequest:
        """`auto` becomes what it stands for: a tokenizer that is registered makes other rows."""
        length = request.acceptance.length
        if length.unit is not LengthUnit.AUTO:
            return request
        assert self.sources is not None
        known = self.sources[request.sources[0].name].tokenizer is not None
        length = length.model_copy(update={"unit": LengthUnit.TOKENIZER if known else LengthUnit.WORDS})
        acceptance = request.acceptance.model_copy(update={"length": length})
        return request.model_copy(update={"acceptance": acceptance})


def _source_refs(value: Any, place: Place) -> Iterator[tuple[Place, SourceRef]]:
    if isinstance(value, SourceRef):
        yield place, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _source_refs(getattr(value, name), (*place, name))
    elif isinstance(value, list) and any(isinstance(item, BaseModel) for item in value):
        for number, item in enumerate(value):
            yield from _source_refs(item, (*place, number))


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    return f"there is no {kind} {name!r}{suggestion(name, known)}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """What may have been meant: the nearest name, or all there are."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there is {', '.join(known[:20])}" if known else "; none is declared"
