"""How a request's body is fitted to a server: what is left out, what is called otherwise, and how it is asked
for JSON. A source may state it; what it does not state is learnt from the server's first refusal that names a
parameter. Pure: `learnt` takes a refusal and gives the next fit to try, or None when the refusal is about
something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import orjson


class Form(StrEnum):
    """How a server is held to a schema, the strictest first."""

    JSON_SCHEMA = "json_schema"
    JSON_OBJECT = "json_object"
    PLAIN = "plain"


_WEAKER = {Form.JSON_SCHEMA: Form.JSON_OBJECT, Form.JSON_OBJECT: Form.PLAIN}
NEEDED = frozenset({"model", "messages", "prompt", "logprobs", "top_logprobs"})
"""Fields without which the answer is not the one that was asked for: a refusal of these stands."""


@dataclass(frozen=True, slots=True)
class Fit:
    """`omit` are fields that are not sent, `rename` pairs of (ours, theirs), `fold` puts the system turn at
    the head of the user's, `extra` (JSON text of an object) is added to every body."""

    omit: frozenset[str] = frozenset()
    rename: tuple[tuple[str, str], ...] = ()
    fold: bool = False
    form: Form = Form.JSON_SCHEMA
    extra: str = ""

    def applied(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The body with its fields left out and renamed, and the extra ones beside them."""
        names = dict(self.rename)
        fitted = {names.get(name, name): value for name, value in body.items() if name not in self.omit}
        return fitted | orjson.loads(self.extra) if self.extra else fitted

    def told(self) -> list[str]:
        """What is fitted, for people."""
        return [
            *(f"{ours} is sent as {theirs}" for ours, theirs in self.rename),
            *(f"{name} is left out" for name in sorted(self.omit)),
            *(["the system turn is folded into the user's"] if self.fold else []),
            *([f"asked for JSON by {self.form}"] if self.form is not Form.JSON_SCHEMA else []),
        ]


_UNFIT = re.compile(
    r"not support|n[o']t supported|unsupported|unknown|unrecogni[sz]ed|unexpected|not permitted|not allowed"
    r"|extra (?:inputs?|fields?)|extra_forbidden|invalid (?:parameter|argument|field)|not (?:both|available)"
    r"|cannot both|can ?not be (?:used|specified|set)|unavailable|not valid for|only the default"
    r"|mutually exclusive|no longer (?:supported|accepted)|deprecated|does not (?:accept|allow)",
    re.IGNORECASE,
)
_INSTEAD = re.compile(r"\buse\s+[`'\"]?([a-z][a-z_]{2,40})[`'\"]?\s+instead", re.IGNORECASE)
_SYSTEM = re.compile(
    r"system (?:role|message|prompt|instruction)|role[^a-z]{0,4}system|['\"`]system['\"`]"
    r"|roles must alternate|developer instruction",
    re.IGNORECASE,
)
_TURNS = re.compile(r"must (?:alternate|be|start)|invalid|only (?:user|the)", re.IGNORECASE)
"""What servers say of turns that they do not take."""
_JSON = re.compile(
    r"response_format|json_schema|json_object|json mode|guided|structured[ _]output|grammar", re.IGNORECASE
)
_PAIRS = (("top_p", "temperature"), ("top_k", "top_p"))
"""Of two that exclude each other, the first goes."""


def learnt(
    fit: Fit, sent: Mapping[str, Any], *, system: bool, words: str, parameter: str | None = None
) -> Fit | None:
    """The fit to try after a refusal (400, 422) with these `words` about the `parameter`, where the server
    names one; `sent` are the fields of the body, `system` whether a system turn was among them."""
    if system and not fit.fold and _SYSTEM.search(words) and (_UNFIT.search(words) or _TURNS.search(words)):
        return replace(fit, fold=True)
    if not _UNFIT.search(words):
        return None
    if "response_format" in sent and (_JSON.search(words) or parameter == "response_format"):
        return replace(fit, form=_WEAKER[fit.form]) if fit.form in _WEAKER else None
    name = _named(sent, words, parameter)
    if name is None:
        return None
    instead = _INSTEAD.search(words)
    if instead and instead[1] != name and instead[1] not in sent:
        return replace(fit, rename=(*fit.rename, (name, instead[1])))
    if (
        _ours(fit, name) == "max_tokens"
    ):  # what an answer may cost is held by it: without it nothing is bounded
        return None
    return replace(fit, omit=fit.omit | {_ours(fit, name)})


def _named(sent: Mapping[str, Any], words: str, parameter: str | None) -> str | None:
    """The field that the refusal is about."""
    candidates = [name for name in sent if name not in NEEDED and name != "response_format"]
    if parameter in candidates:
        return parameter
    found = [name for name in candidates if re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", words)]
    for goes, stays in _PAIRS:
        if goes in found and stays in found:
            return goes
    return found[0] if found else None


def _ours(fit: Fit, name: str) -> str:
    return next((ours for ours, theirs in fit.rename if theirs == name), name)
