"""Sources as requests name them, and as they are listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from shared.contracts.base import ArtifactId, Contract
from shared.contracts.generation.fields import Name


class SourceRef(Contract):
    """A source registered with the generator, and the model that the result is to come from."""

    name: Name
    model: str | None = Field(
        default=None,
        max_length=200,
        description="The model's name. Stated, it is part of the artifact's identity, and a source that "
        "serves another one is refused; the gateway fills it in from the registry.",
    )
    revision: str | None = Field(default=None, max_length=200, description="Like `model`: its revision.")
    adapter: ArtifactId | None = Field(
        default=None,
        description="A trained adapter (`train` makes one on this very model): the source's server loads it, "
        "and it answers in the model's place.",
    )
    weight: float = Field(default=1.0, gt=0, le=1e6, description="Share of the rows, relative to the others.")


def adapters_of(refs: Mapping[str, SourceRef]) -> dict[str, str]:
    """The adapters among a request's inputs, by the role of their source."""
    return {f"{role}/adapter": ref.adapter for role, ref in refs.items() if ref.adapter is not None}


Sources = Annotated[list[SourceRef], Field(min_length=1, max_length=64)]


class SourceInfo(Contract):
    """A registered source, without its address and key."""

    name: str
    model: str
    revision: str
    api: Literal["completions", "chat"]
    price_in: str = Field(description="Per million tokens.")
    price_out: str = Field(description="Per million tokens.")
    currency: str
