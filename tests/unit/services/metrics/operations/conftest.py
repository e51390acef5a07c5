"""A workspace on a real store and a real Redis-protocol server, with no worker around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.testing import HandlerBench


@pytest.fixture
def bench(redis_url: str, tmp_path: Path) -> HandlerBench:
    return HandlerBench(tmp_path, redis_url)
