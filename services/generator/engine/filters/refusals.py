"""Refuses answers in which the model declines ("I'm sorry, but I can't …")."""

from __future__ import annotations

import re

from services.generator.engine.stage import Draft, Filter, Refusal, Reject
from services.generator.sources.answer import Finish

_CANNOT = r"(?:can(?:['’]?t|not)|won['’]?t)"
_ACT = r"(?:help|assist|provide|fulfil|comply|create|write|generate|do that|answer)"
_DECLINES = re.compile(
    rf"""\s*["'“]?(?:
    (?:i['’]?m|i\ am)\ (?:so\ |very\ |really\ )?sorry,?\ (?:but\ )?
        (?:(?:as\ an\ ai\b.{{0,60}})?i\ |this\ |that\ )?
        (?:{_CANNOT}|am\ not\ able|am\ unable|must|do\ not|don['’]t)
    | sorry,?\ (?:but\ )?i\ (?:{_CANNOT}|am)
    | i\ {_CANNOT}\ {_ACT}
    | i(?:['’]?m|\ am)\ (?:unable|not\ able)\ to\ {_ACT}
    | (?:as|i['’]?m|i\ am)\ an\ ai(?:\ language)?\ (?:model|assistant)
    | i\ must\ (?:respectfully\ )?decline
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def declines(text: str) -> bool:
    """Whether a text opens with a refusal. Only the opening counts: characters in stories may be sorry
    too."""
    return _DECLINES.match(text) is not None


class Refusals(Filter):
    """`generated` is the column that the model wrote, when the draft's text holds more than that."""

    def __init__(self, generated: str | None = None) -> None:
        self._generated = generated

    def judge(self, draft: Draft) -> Reject | None:
        text = str(draft.row.get(self._generated, draft.text)) if self._generated else draft.text
        if draft.origin.get("finish_reason") == Finish.CONTENT_FILTER:
            return Reject(Refusal.REFUSAL, "the server's content filter stopped it", draft.text, draft.origin)
        if declines(text):
            return Reject(Refusal.REFUSAL, "the model declined", draft.text, draft.origin)
        return None
