"""A server is asked what it is before the demo starts anything for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from embedded.probing import probe
from embedded.suite import SuiteError

LISTED = {"data": [{"id": "tales"}, {"id": "tales-instruct"}]}


@contextmanager
def server(models: tuple[int, Any], chat: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*models)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self._answer(chat if self.path == "/v1/chat/completions" else 404, {})

        def _answer(self, status: int, body: Any) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/v1"
    finally:
        listening.shutdown()
        listening.server_close()


@pytest.mark.parametrize(("chat", "api"), [(200, "chat"), (400, "completions"), (404, "completions")])
def test_a_model_with_a_chat_template_is_talked_to_as_one(chat: int, api: str) -> None:
    with server((200, LISTED), chat) as address:
        assert probe(address, "tales") == api
        assert probe(address + "/", "tales-instruct") == api


def test_a_model_that_is_not_there_is_told_with_those_that_are() -> None:
    with (
        server((200, LISTED), 200) as address,
        pytest.raises(SuiteError, match="does not serve 'tails'; it serves tales, tales-instruct"),
    ):
        probe(address, "tails")


def test_a_server_that_lists_nothing_may_serve_it_all_the_same() -> None:
    with server((501, {}), 200) as address:
        assert probe(address, "tales") == "chat"


def test_a_server_that_wants_a_key_is_told_so() -> None:
    with server((401, {}), 401) as address, pytest.raises(SuiteError, match="GAMUT_SOURCES"):
        probe(address, "tales")


def test_a_wrong_address_is_told_so() -> None:
    with server((404, {}), 404) as address, pytest.raises(SuiteError, match="most end in /v1"):
        probe(address.removesuffix("/v1"), "tales")
    with pytest.raises(SuiteError, match="is the server up"):
        probe(address, "tales")
