"""What a source client needs of HTTP; `connecting` chooses between the two ways of getting it."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

MAX_ANSWER_BYTES = 64 << 20
"""Head and body: a hundred times the longest answer with its log-probabilities."""
LONGEST_ANSWER = 24
"""An answer may take this many times the longest silence (2 hours at 300 s), however it trickles in."""


@dataclass(slots=True)
class Reply:
    """A whole HTTP response; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transport(Protocol):
    """One server; `path` is from its root. Failures are `SourceError` with `dead`, `timeout` or `cut`."""

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Coroutine[Any, Any, Reply]: ...

    async def get(self, path: str) -> Reply: ...

    async def close(self) -> None: ...
