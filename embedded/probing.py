"""What a server that a person names can do, asked before anything is started: a slip costs a second."""

from __future__ import annotations

from typing import Literal

import httpx

from embedded.suite import SuiteError

SECONDS = 60.0
"""A server may have to load its model first."""


def probe(base_url: str, model: str) -> Literal["completions", "chat"]:
    """How to talk to the model: `chat` where the server has a chat template for it (it then follows
    instructions), else `completions`. Raises `SuiteError` when the server does not answer, wants a key, or
    does not serve the model."""
    root = base_url.rstrip("/")
    with httpx.Client(timeout=SECONDS) as client:
        try:
            listed = client.get(f"{root}/models")
            if listed.status_code in (401, 403):
                raise SuiteError(
                    f"{base_url} asks for a key: register it as a source in GAMUT_SOURCES (docs/sources.md)"
                )
            _check_served(listed, base_url, model)
            message = {"role": "user", "content": "Say hello."}
            body = {"model": model, "messages": [message], "max_tokens": 1}
            answered = client.post(f"{root}/chat/completions", json=body)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise SuiteError(f"nothing answers at {base_url} ({error}): is the server up?") from error
    return "chat" if answered.status_code == 200 else "completions"


def _check_served(listed: httpx.Response, base_url: str, model: str) -> None:
    if listed.status_code == 404 and not base_url.rstrip("/").endswith("/v1"):
        raise SuiteError(f"{base_url} is no OpenAI-compatible address; most end in /v1")
    try:
        names = [str(served["id"]) for served in listed.raise_for_status().json()["data"]]
    except (httpx.HTTPStatusError, ValueError, KeyError, TypeError):
        return  # a server that lists nothing may serve it all the same: the first call will tell
    if model not in names:
        served = ", ".join(names[:10]) or "nothing"
        raise SuiteError(f"{base_url} does not serve {model!r}; it serves {served}")
