"""Which prompts a model is given: the bundled ones, or the caller's own."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.generation.fields import LongText


class Format(StrEnum):
    """Which of the bundled prompt templates: for models that follow instructions, or that continue text."""

    INSTRUCT = "instruct"
    PLAIN = "plain"


class Templates(Contract):
    """Prompt templates of the caller's own (Jinja, sandboxed). What is left out is the bundled one."""

    system: LongText | None = None
    prompt: LongText | None = None
    paraphrase: LongText | None = Field(
        default=None, description="Strategy `paraphrase`: the rewriting prompt."
    )
