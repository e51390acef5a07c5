"""What a server's answer holds, in either of the protocol's shapes, whole or streamed.

The words of the answer decide whether it is one; what stands beside them (counts of tokens, log-probabilities
that nobody asked for, fields of a vendor's own) is read where it can be and is unknown where it cannot.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

import orjson

from services.generator.calls.call import Answer
from services.generator.sources.answer import finish_of, said
from services.generator.sources.errors import Cause, SourceError

ROUNDING = 1e-3
"""How far above 0 a log-probability may lie: single precision has its errors."""
MOST_TOKENS = 2**53
THOUGHTS = ("reasoning_content", "reasoning", "thinking")
"""Where servers put a thought that they have parted from the answer: vLLM, DeepSeek; OpenRouter; Ollama."""
MALFORMED = (LookupError, TypeError, AttributeError, ValueError, RecursionError)
"""What reading raises for an answer that is not what the protocol says."""


def from_body(body: bytes, source: str, *, wants_logprobs: bool = False) -> Answer:
    """A whole answer. Raises one of `MALFORMED` when it has no words, and `SourceError` when the server tells
    of an error with the status of success."""
    data = _loaded(body)
    if isinstance(error := data.get("error"), dict) and not data.get("choices"):
        raise ErrorInside(error)
    choice = data["choices"][0]
    thought, text = _choice(choice)
    return Answer(
        said(thought, text),
        str(finish_of(choice.get("finish_reason"))),
        *_usage(data.get("usage")),
        source,
        first_token(choice.get("logprobs"), strict=wants_logprobs),
    )


class ErrorInside(Exception):
    """An error in an answer whose status is 200; `error` is the server's object."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("message") or error))
        self.error = error


def from_stream(body: bytes, source: str, *, wants_logprobs: bool = False) -> Answer:
    """Join a server-sent event stream; one without a finish reason was cut. One choice was asked for: of
    several, the first is the answer."""
    texts: list[str] = []
    thoughts: list[str] = []
    usage: Any = None
    finish, logprobs = None, None
    for line in body.splitlines():
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            break
        event = _loaded(data) if data else None
        if not isinstance(event, dict):
            continue  # a heartbeat
        if event.get("error"):
            raise SourceError(Cause.SERVER_ERROR, f"mid-stream: {event['error']}", source=source)
        usage = event.get("usage") or usage
        for choice in event.get("choices") or ():
            if not choice or choice.get("index"):
                continue
            delta = choice.get("delta") or {}
            thought, text = _parts(choice.get("text") or delta.get("content"))
            texts.append(text)
            thoughts.append(thought or _thought(delta))
            finish = choice.get("finish_reason") or finish
            logprobs = logprobs or first_token(choice.get("logprobs"), strict=wants_logprobs)
    if finish is None:
        raise SourceError(Cause.CUT, "the stream ended before its end mark", source=source)
    words = said("".join(thoughts), "".join(texts))
    return Answer(words, str(finish_of(finish)), *_usage(usage), source, logprobs)


def _loaded(data: bytes) -> Any:
    """The JSON value; half of a surrogate pair, which some servers let through, becomes U+FFFD."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if b"\\ud" not in data.lower():
            raise
        return _mended(json.loads(data))


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return value


def _choice(choice: Mapping[str, Any]) -> tuple[str, str]:
    """Thought and words. Raises KeyError for a choice with neither a text nor a message."""
    if "text" in choice:
        return _parts(choice["text"])
    message = choice["message"]
    thought, text = _parts(message.get("content"))
    return thought or _thought(message), text


def _thought(message: Mapping[str, Any]) -> str:
    for name in THOUGHTS:
        if isinstance(found := message.get(name), str) and found:
            return found
    return ""


def _parts(content: Any) -> tuple[str, str]:
    """Thought and words of a content: a text, a list of parts, or nothing (a call of a tool has none).
    Raises TypeError for anything else."""
    if content is None or isinstance(content, str):
        return "", content or ""
    if not isinstance(content, list):
        raise TypeError(f"a text was expected, not {type(content).__name__}")
    thoughts: list[str] = []
    texts: list[str] = []
    for part in content:
        if part is None:
            continue
        if not isinstance(part, dict):
            raise TypeError(f"a part of a text was expected, not {type(part).__name__}")
        kind = part.get("type", "text")
        if kind in ("thinking", "reasoning", "thought"):
            inner = part.get(kind, part.get("text"))
            thoughts.append("".join(_parts(inner)))
        elif kind in ("text", "output_text", "refusal"):
            texts.append(_parts(part.get("text", part.get(kind)))[1])
    return "".join(thoughts), "".join(texts)


def _usage(usage: Any) -> tuple[int, int]:
    """Prompt and completion tokens as the server counted them; 0 for what is no count."""
    if not isinstance(usage, Mapping):
        return 0, 0
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def _count(value: Any) -> int:
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0.0
    except (ValueError, OverflowError):
        return 0
    return int(number) if isfinite(number) and 0 <= number <= MOST_TOKENS else 0


def first_token(logprobs: Any, *, strict: bool) -> dict[str, float] | None:
    """Alternatives of the first generated token, in either protocol's shape. Where they were asked for
    (`strict`) raises ValueError for a value that is the logarithm of no probability; else there are none."""
    try:
        return _first_token(logprobs)
    except MALFORMED:
        if strict:
            raise
        return None


def _first_token(logprobs: Mapping[str, Any] | None) -> dict[str, float] | None:
    if not logprobs:
        return None
    found: dict[str, float] | None = None
    if logprobs.get("content"):  # chat
        found = {top["token"]: top["logprob"] for top in logprobs["content"][0]["top_logprobs"]}
    elif logprobs.get("top_logprobs"):  # completions
        found = dict(logprobs["top_logprobs"][0] or {})
    for token, value in (found or {}).items():
        if not isinstance(token, str) or not isfinite(value) or value > ROUNDING:
            raise ValueError(f"{value!r} is no log-probability")
    return found
