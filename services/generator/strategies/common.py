"""What the strategies share: what templates see of a real row, and the way from answer to draft."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.generator.calls.call import Answer, Call
from services.generator.engine.stage import Draft, Refusal, Reject, origin
from services.generator.sources.answer import Finish, Taken, untitled
from services.generator.strategies.chatter import Chatter
from services.generator.strategies.echo import Echoed
from services.generator.strategies.parse import Unparsable
from shared.datasets import Row

Example = dict[str, str]
"""What a template sees of a real row: its columns, and `text`, the whole of it."""


def draft_of(
    call: Call,
    answer: Answer,
    parse: Callable[[str], Row],
    text_of: Callable[[Row], str],
    *,
    topic: str | None = None,
    extra: Mapping[str, Any] | None = None,
    keep_cut: bool = False,
    titled: bool = True,
    echo: Echoed | None = None,
) -> Draft | Reject:
    """The parsed answer, or why there is none. `extra` are columns beside the kind's own (such as `level`);
    with `keep_cut` an answer that max_tokens cut is taken as it is; unless rows are `titled`, a title comes
    off; `echo` finds what the row repeats of its prompt."""
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
    if echo is not None and (run := echo(text)):
        return Reject(Refusal.ECHO, f"repeats its prompt: “{run}”", answer.text, where)
    return Draft({**row, **extra} if extra else row, text, where)
