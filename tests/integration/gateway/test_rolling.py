"""Every process is restarted, one after another, while requests keep coming: what was accepted is made."""

from __future__ import annotations

import itertools
import threading

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.integration.gateway.conftest import Processes
from tests.waiting import PATIENCE

ORDER = ("gateway", "coordinator", "worker", "reconciler", "gateway", "worker")


def test_a_rolling_restart_loses_nothing_that_was_accepted(processes: Processes, http: httpx.Client) -> None:
    """SIGTERM and start again, as an upgrade does, under a client that posts without a pause."""
    processes.start("gateway", "coordinator", "worker", "reconciler")
    processes.wait_until_ready()
    accepted: list[str] = []
    unexpected: list[int] = []
    stop = threading.Event()

    def post() -> None:
        for seed in itertools.count():
            if stop.is_set():
                return
            try:
                answer = http.post("/v1/topics", json={"seed": seed})
            except httpx.TransportError:  # nobody listened, or the connection was closed: not accepted
                stop.wait(0.05)
                continue
            if answer.status_code == 202:
                accepted.append(answer.json()["id"])
            else:
                unexpected.append(answer.status_code)

    client = threading.Thread(target=post)
    client.start()
    try:
        for name in ORDER:
            before = len(accepted)
            assert processes.returncode(name, 30) in (0, -15)
            processes.start(name)
            processes.wait_until_ready()
            _more(accepted, before)
    finally:
        stop.set()
        client.join()
    assert unexpected == []
    assert len(accepted) == len(set(accepted)) > len(ORDER)
    for job in accepted:
        assert _ended(http, job) == "succeeded"


@retry(stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.05), retry=retry_if_exception_type(AssertionError))
def _more(accepted: list[str], before: int) -> None:
    """Requests are accepted again."""
    assert len(accepted) > before + 2


def _ended(http: httpx.Client, job: str) -> str:
    while True:
        state: str = http.get(f"/v1/jobs/{job}/wait?timeout=20").json()["state"]
        if state not in ("queued", "running"):
            return state
