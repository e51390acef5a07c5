"""The least server that answers a completion: constant latency, constant text, as little CPU as can be.

    python -m benchmarks.generator.endpoint PORT LATENCY_SECONDS

So that what is measured is the client. It counts answers at `GET /counts`.
"""

from __future__ import annotations

import asyncio
import json
import sys

import httptools

TEXT = "The fox went to the market and sold three geese to a tall man with a red hat. He was glad."
BODY = json.dumps(
    {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "text": TEXT, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 60, "completion_tokens": 24, "total_tokens": 84},
    }
).encode()
CHAT = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 60, "completion_tokens": 24, "total_tokens": 84},
    }
).encode()
HEAD = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
ANSWERS = {
    b"/v1/completions": (HEAD % len(BODY)).encode() + BODY,
    b"/v1/chat/completions": (HEAD % len(CHAT)).encode() + CHAT,
}
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


class Connection(asyncio.Protocol):
    answered = 0
    open_now = 0
    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.parser = httptools.HttpRequestParser(self)
        self.loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_message_complete(self) -> None:
        if self.path == b"/counts":
            body = json.dumps({"answered": Connection.answered}).encode()
            self.transport.write((HEAD % len(body)).encode() + body)
        elif self.path not in ANSWERS:
            self.transport.write(NOT_FOUND)
        elif Connection.latency:
            self.loop.call_later(Connection.latency, self.answer, self.path)
        else:
            self.answer(self.path)
        self.parser = httptools.HttpRequestParser(self)

    def answer(self, path: bytes) -> None:
        Connection.answered += 1
        self.transport.write(ANSWERS[path])


async def main(port: int, latency: float) -> None:
    Connection.latency = latency
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=4096)
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
