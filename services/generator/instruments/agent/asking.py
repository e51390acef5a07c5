"""How the agent's stages ask: a template and a JSON schema in, a checked value out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.generator.calls.call import Answer, Call, Params, derived_seed
from services.generator.calls.target import Target
from services.generator.engine.asking import Ask
from services.generator.strategies.bounded import in_prompts, sent
from services.generator.strategies.prompts import Prompts, load_prompts

CLIPPED = "[…]"


@dataclass(frozen=True)
class Interviewer:
    """Asks one model, with the bundled instruction templates; `structured` holds the server to the
    schemas."""

    target: Target
    params: Params
    seed: int
    structured: bool

    def call(
        self, template: str, variables: Mapping[str, Any], schema: Mapping[str, Any] | None, *name: object
    ) -> Call:
        """`name` is what makes this call's seed its own."""
        prompts = _prompts(template, frozenset({*variables, "schema", "form"}))
        prompt = prompts.render({**variables, **in_prompts(schema)}, chat=self.target.chat)
        params = self.params.held_to(sent(schema) if self.structured and schema else None)
        return self.target.call(prompt, params, derived_seed(self.seed, template, *name))

    async def ask(
        self,
        ask: Ask,
        template: str,
        variables: Mapping[str, Any],
        schema: Mapping[str, Any] | None,
        *name: object,
    ) -> tuple[Call, Answer]:
        call = self.call(template, variables, schema, *name)
        return call, await ask(call)


@lru_cache(maxsize=64)
def _prompts(template: str, variables: frozenset[str]) -> Prompts:
    return load_prompts("instruct", template, variables)


def clipped(text: str, characters: int) -> str:
    """The start of a text that is too long to be shown whole, marked as such."""
    return text if len(text) <= characters else f"{text[:characters].rstrip()} {CLIPPED}"


def clipped_inside(text: str, characters: int) -> str:
    """The same for texts whose end counts as much as their start: a question follows its context, and a good
    answer ends well."""
    if len(text) <= characters:
        return text
    half = characters // 2
    return f"{text[:half].rstrip()} {CLIPPED} {text[-half:].lstrip()}"
