"""What the strategies share: which model answers a candidate, chance by number, and the way from answer to
draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from services.generator.calls.call import Answer, Call, Message, Model, Params
from services.generator.engine.chance import Chance
from services.generator.engine.stage import Draft, Refusal, Reject, origin
from services.generator.sources.answer import Finish, Taken, untitled
from services.generator.strategies.chatter import Chatter
from services.generator.strategies.parse import Unparsable

Example = dict[str, str]
"""What a template sees of a real row: its columns, and `text`, the whole of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A model to ask, how it is spoken to, and its share of the candidates."""

    model: Model
    chat: bool
    weight: float = 1.0

    def call(self, prompt: str | tuple[Message, ...], params: Params, seed: int, prefix: str = "") -> Call:
        return Call(self.model, prompt, params, seed, prefix)


class Targets:
    """Draws a candidate's target by weight."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.all = list(targets)
        self._bounds = list(accumulate(target.weight for target in targets))

    def draw(self, chance: Chance) -> Target:
        if len(self.all) == 1:
            return self.all[0]
        return chance.weighted(self.all, self._bounds)


def draft_of(
    call: Call,
    answer: Answer,
    parse: Callable[[str], dict[str, Any]],
    text_of: Callable[[dict[str, Any]], str],
    *,
    topic: str | None = None,
    extra: Mapping[str, Any] | None = None,
    keep_cut: bool = False,
    titled: bool = True,
) -> Draft | Reject:
    """The parsed answer, or why there is none. `extra` are columns beside the kind's own (such as `level`);
    with `keep_cut` an answer that max_tokens cut is taken as it is; unless rows are `titled`, a title comes
    off."""
    answer = answer if titled else untitled(answer)
    where = origin(call, answer, topic)
    if Taken.THOUGHT in answer.taken and not answer.text.strip():
        return Reject(Refusal.ONLY_THOUGHT, "a thought, and no answer after it", answer.raw, where)
    if answer.finish_reason == Finish.LENGTH and not keep_cut:
        return Reject(Refusal.LENGTH, f"cut at max_tokens ({call.params.max_tokens})", answer.text, where)
    try:
        row = parse(answer.text)
    except Chatter as error:
        return Reject(Refusal.CHATTER, str(error), answer.text, where)
    except Unparsable as error:
        return Reject(Refusal.PARSE, str(error), answer.text, where)
    text = text_of(row)
    return Draft({**row, **extra} if extra else row, text, where)
