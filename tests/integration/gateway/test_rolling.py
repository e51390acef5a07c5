"""Every process is restarted, one after another, while requests keep coming: what was accepted is made."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.integration.gateway.conftest import Processes
from tests.unit.services.gateway.small_operations import ladder
from tests.waiting import PATIENCE

ORDER = ("gateway", "coordinator", "worker", "reconciler", "gateway", "worker")


RELEASES = ("this", "previous", "this", "next", "this")
"""Upgrades and downgrades, as far as this release reads what the others wrote, and they what it writes."""


@dataclass
class Client:
    """Posts without a pause until it is stopped."""

    http: httpx.Client
    accepted: list[str] = field(default_factory=list)
    unexpected: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        for seed in itertools.count():
            if self.stop.is_set():
                return
            try:
                answer = self.http.post("/v1/topics", json={"seed": seed})
            except httpx.TransportError:  # nobody listened, or the connection was closed: not accepted
                self.stop.wait(0.05)
                continue
            if answer.status_code == 202:
                self.accepted.append(answer.json()["id"])
            else:
                self.unexpected.append(answer.status_code)


@contextmanager
def posting(http: httpx.Client) -> Iterator[Client]:
    """At the end every job that was accepted has succeeded, and nothing but that was answered."""
    client = Client(http)
    thread = threading.Thread(target=client.run)
    thread.start()
    try:
        yield client
    finally:
        client.stop.set()
        thread.join()
    assert client.unexpected == []
    assert len(client.accepted) == len(set(client.accepted))
    for job in client.accepted:
        assert _ended(http, job) == "succeeded"


def test_a_rolling_restart_loses_nothing_that_was_accepted(processes: Processes, http: httpx.Client) -> None:
    """SIGTERM and start again, as an upgrade does, under a client that posts without a pause."""
    processes.start("gateway", "coordinator", "worker", "reconciler")
    processes.wait_until_ready()
    with posting(http) as client:
        for name in ORDER:
            before = len(client.accepted)
            assert processes.returncode(name, 30) in (0, -15)
            processes.start(name)
            processes.wait_until_ready()
            _more(client.accepted, before)
    assert len(client.accepted) > len(ORDER)


def test_releases_side_by_side_lose_nothing_that_was_accepted(
    processes: Processes, http: httpx.Client
) -> None:
    """Up- and downgrades under load: one process after another, so that two releases work on one store, with
    experiments under way whose jobs both of them make."""
    names = ("gateway", "coordinator", "worker", "reconciler")
    processes.start(*names, release="previous")
    processes.wait_until_ready()
    experiments = []
    with posting(http) as client:
        for number, release in enumerate(RELEASES):
            asked = http.post("/v1/experiments", json=ladder(topics=(1, 5), seeds=(1000 + number,)))
            experiments.append(asked.json()["id"])
            for name in names if number % 2 else reversed(names):
                before = len(client.accepted)
                assert processes.returncode(name, 30) in (0, -15)
                processes.start(name, release=release)
                processes.wait_until_ready()
                _more(client.accepted, before)
    assert [_ended(http, job) for job in experiments] == ["succeeded"] * len(RELEASES)
    told = "".join(processes.log(name) for name in names)
    assert "store.unreadable" not in told
    assert "not permitted" not in told


@retry(stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.05), retry=retry_if_exception_type(AssertionError))
def _more(accepted: list[str], before: int) -> None:
    """Requests are accepted again."""
    assert len(accepted) > before + 2


def _ended(http: httpx.Client, job: str) -> str:
    while True:
        state: str = http.get(f"/v1/jobs/{job}/wait?timeout=20").json()["state"]
        if state not in ("queued", "running"):
            return state
