"""What the server refuses, in OpenAI's error format."""

from __future__ import annotations

from typing import Any


class RequestRefused(Exception):
    """A refusal: HTTP status, what is wrong, the parameter at fault."""

    status = 400
    kind = "invalid_request_error"
    code: str | None = None
    headers: dict[str, str] = {}

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param

    def body(self) -> dict[str, Any]:
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error}


class ContextLengthExceeded(RequestRefused):
    code = "context_length_exceeded"


class UnknownModel(RequestRefused):
    status = 404
    kind = "not_found_error"
    code = "model_not_found"


class BodyTooLarge(RequestRefused):
    status = 413
    code = "body_too_large"


class QueueFull(RequestRefused):
    status = 429
    kind = "rate_limit_error"
    code = "queue_full"
    headers = {"Retry-After": "1"}


class ShuttingDown(RequestRefused):
    status = 503
    kind = "server_error"
    code = "shutting_down"
    headers = {"Retry-After": "5"}
