"""The models that a job asks, and their shares of its candidates."""

from __future__ import annotations

from dataclasses import dataclass

from services.generator.calls.call import Call, Message, Model, Params


@dataclass(frozen=True, slots=True)
class Target:
    """A model to ask, how it is spoken to, and its share of the candidates."""

    model: Model
    chat: bool
    weight: float = 1.0

    def call(self, prompt: str | tuple[Message, ...], params: Params, seed: int, prefix: str = "") -> Call:
        return Call(self.model, prompt, params, seed, prefix)
