"""Why a call failed, and what is to be done about it: the one place that says so."""

from __future__ import annotations

import re
from enum import StrEnum


class Cause(StrEnum):
    """What went wrong, in the terms that matter for what to do next."""

    RATE_LIMITED = "rate_limited"
    """The server said 429 (or 503 with Retry-After): slower, please."""
    SERVER_ERROR = "server_error"
    """Any other 5xx, or an answer that is not what the protocol says."""
    TIMEOUT = "timeout"
    """No answer in time."""
    CUT = "cut"
    """The connection closed before the answer was whole."""
    BAD_REQUEST = "bad_request"
    """The server refuses this very prompt or these parameters (400, 413, 422): repeating it is useless."""
    UNKNOWN_MODEL = "unknown_model"
    """The server does not serve the model (404)."""
    DENIED = "denied"
    """The key is missing or refused (401, 403), or money has run out (402)."""
    DEAD = "dead"
    """Nobody listens at the address, or the name does not resolve."""


class Action(StrEnum):
    """What to do with the call."""

    RETRY = "retry"
    GIVE_UP = "give_up"
    FAIL_OVER = "fail_over"


ACTION: dict[Cause, Action] = {
    Cause.RATE_LIMITED: Action.RETRY,
    Cause.SERVER_ERROR: Action.RETRY,
    Cause.TIMEOUT: Action.RETRY,
    Cause.CUT: Action.RETRY,
    Cause.BAD_REQUEST: Action.GIVE_UP,
    Cause.UNKNOWN_MODEL: Action.FAIL_OVER,
    Cause.DENIED: Action.FAIL_OVER,
    Cause.DEAD: Action.FAIL_OVER,
}

PERMANENT = frozenset({Cause.UNKNOWN_MODEL, Cause.DENIED})
"""Reasons that another try at the same source will not cure without a person."""


class SourceError(Exception):
    """A call failed at a source. `retry_after` is the server's own wish in seconds, when it stated one."""

    def __init__(
        self, reason: Cause, detail: str, *, source: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"{source or 'source'}: {reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.source = source
        self.retry_after = retry_after

    @property
    def action(self) -> Action:
        return ACTION[self.reason]


class NoSource(Exception):
    """Every source that serves the model is gone, and waiting longer was not allowed."""

    def __init__(self, model: str, causes: dict[str, str]) -> None:
        listed = "; ".join(f"{name}: {cause}" for name, cause in causes.items())
        super().__init__(
            f"no source can serve {model}: {listed}. Start or repair one of them and resume the job: "
            "finished calls are kept."
        )
        self.model = model
        self.causes = causes


class Refusing(Exception):
    """A model has refused every call that it got."""

    def __init__(self, model: str, calls: int, last: SourceError) -> None:
        super().__init__(
            f"{model} refused each of its {calls} calls and answered none; source {last.source} says: "
            f"{last.detail.rstrip('. ')}. Correct the request (or the server) and submit it again."
        )
        self.last = last


TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|maximum (?:model length|number of tokens)|max_new_tokens"
    r"|prompt is too long",
    re.IGNORECASE,
)
"""As vLLM, SGLang, TGI, llama.cpp, OpenAI, Google, Mistral and Anthropic put it."""
FIT_THE_CONTEXT = (
    "The prompt and max_tokens do not fit into the model's context: lower max_tokens or what a prompt shows "
    "(max_characters and samples of a measurement, examples_per_prompt, the contexts themselves), or take a "
    "source with a larger context."
)


def with_advice(said: str, code: str) -> str:
    """A server's refusal of a call, and what to do where it says that the call is too long."""
    return f"{said.rstrip('. ')}. {FIT_THE_CONTEXT}" if TOO_LONG.search(f"{said} {code}") else said


def reason_of_status(status: int, *, retry_after: bool) -> Cause:
    """The reason behind an HTTP status that is not 200."""
    if status == 429 or (status == 503 and retry_after):
        return Cause.RATE_LIMITED
    if status == 408 or status == 504:
        return Cause.TIMEOUT
    if status >= 500:
        return Cause.SERVER_ERROR
    if status in (401, 402, 403):
        return Cause.DENIED
    if status == 404:
        return Cause.UNKNOWN_MODEL
    return Cause.BAD_REQUEST
