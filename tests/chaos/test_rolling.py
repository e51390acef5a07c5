"""Every process of the real suite, Redis and the source among them, is restarted while every queue has work.

The same in small, under a client that posts as fast as it can: tests/integration/gateway/test_rolling.py.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from embedded.client import ENDED, GatewayClient, Json
from embedded.demo import DATA
from embedded.suite import Suite, status, wait_until_ready
from tests.chaos.weather import pids

Work = Callable[[str, int], Json]
WORK: dict[str, Work] = {
    "topics": lambda real, n: {
        "source": {"name": "stories"},
        "count": 3,
        "format": "plain",
        "max_tokens": 100,
        "seed": n,
    },
    "measurements": lambda real, n: {"dataset": real, "metrics": ["lengths"], "seed": n},
    "trainings": lambda real, n: {
        "dataset": real,
        "base": "story-base",
        "settings": {"max_steps": 2, "rendering": {"over_long": "drop"}},
        "seed": n,
    },
    "experiments": lambda real, n: {
        "name": f"experiment {n}",
        "inputs": {"real": real},
        "steps": {
            "measured": {
                "operation": "measure",
                "request": {"dataset": {"input": "real"}, "metrics": ["lengths"], "seed": n + 1_000_000},
            },
            "answer": {
                "operation": "report",
                "request": {
                    "title": str(n),
                    "runs": [
                        {"name": "real", "dataset": {"input": "real"}, "measurement": {"step": "measured"}}
                    ],
                },
            },
        },
        "report": "answer",
    },
}
"""A request for each queue; another number is another job."""


@dataclass
class Client:
    """Asks for one job after another, each once the last one has ended or its gateway went away."""

    suite: Suite
    path: str
    body: Callable[[int], Json]
    stop: threading.Event
    accepted: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    ended: int = 0

    def run(self) -> None:
        with httpx.Client(base_url=self.suite.url, timeout=60) as http:
            for number in itertools.count():
                if self.stop.is_set():
                    return
                try:
                    self._ask(http, number)
                except httpx.TransportError:  # nobody listened, or the connection was closed
                    self.stop.wait(0.1)

    def _ask(self, http: httpx.Client, number: int) -> None:
        answer = http.post(f"/v1/{self.path}", json=self.body(number))
        if answer.status_code == 503:  # Redis does not answer: refused, with its reason
            self.stop.wait(0.1)
            return
        if answer.status_code != 202:
            self.unexpected.append(answer.text)
            return
        self.accepted.append(answer.json()["id"])
        state = None
        while not self.stop.is_set() and state not in ENDED:
            state = http.get(f"/v1/jobs/{self.accepted[-1]}/wait?timeout=5").json().get("state")
        self.ended += state in ENDED


@pytest.fixture
def suite(fresh_suite: Callable[[str], Suite]) -> Suite:
    return fresh_suite("rolling")


@pytest.fixture
def clients(suite: Suite, tmp_path: Path) -> Iterator[dict[str, Client]]:
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(itertools.islice(DATA.open(), 16)))
    real = GatewayClient(suite.url).upload(rows, "completion", {})
    stop = threading.Event()

    def client(path: str) -> Client:
        return Client(suite, path, lambda number: WORK[path](real, number), stop)

    made = {path: client(path) for path in WORK}
    threads = [threading.Thread(target=one.run) for one in made.values()]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def names(suite: Suite) -> list[str]:
    """Of all processes, as supervisor lists them."""
    return [line.split()[0] for line in status(suite.data_dir).splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_no_accepted_request_is_lost_while_every_process_is_restarted(
    suite: Suite, clients: dict[str, Client]
) -> None:
    restarted = names(suite)
    assert len(restarted) == 12
    for name in restarted:
        (before,) = pids(suite, (name,))
        os.kill(before, signal.SIGTERM)
        _comes_back(suite, name, before)
        wait_until_ready(suite, lambda name: None)
        _goes_on(clients)
    for client in clients.values():
        client.stop.set()
    for path, client in clients.items():
        assert client.unexpected == []
        assert len(client.accepted) == len(set(client.accepted)) > len(restarted), path
        for job in client.accepted:
            ended = GatewayClient(suite.url).wait(job)
            assert ended["state"] == "succeeded", (path, ended)


@retry(stop=stop_after_delay(120), wait=wait_fixed(0.1), retry=retry_if_exception_type(AssertionError))
def _comes_back(suite: Suite, name: str, before: int) -> None:
    now = pids(suite, (name,))
    assert now
    assert now != [before]


def _goes_on(clients: dict[str, Client]) -> None:
    """On every queue another job is done, and one more that was asked for after that."""
    so_far = {path: client.ended for path, client in clients.items()}

    @retry(stop=stop_after_delay(300), wait=wait_fixed(0.1), retry=retry_if_exception_type(AssertionError))
    def more() -> None:
        late = [path for path, client in clients.items() if client.ended < so_far[path] + 2]
        assert late == []

    more()
