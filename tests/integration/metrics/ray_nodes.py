"""A Ray cluster of real nodes beside this process, reached as a worker reaches one."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.metrics.lexical.runners.local import InProcess, Shard
from services.metrics.lexical.runners.measure import measure_texts
from services.metrics.lexical.runners.summary import Summary
from services.metrics.lexical.settings import LexicalSettings
from services.metrics.measuring.subject import TextSet
from services.metrics.operations.running import runners
from shared.errors import ServiceUnavailable
from tests.unit.services.metrics.lexical.plain import figures

ray = pytest.importorskip("ray")
client = pytest.importorskip("ray.util.client.worker")
ROOT = Path(__file__).parents[3]
TEXTS = [
    f"Row {i} says that cat {i % 37} sat on mat {i % 11} and looked at {i % 5} dogs." for i in range(1200)
]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any, list[Any]]]:
    """Its address, itself, and its two nodes; the head computes nothing."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # A busy machine may take longer to start a node than Ray waits by default.
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "240")
    monkeypatch.setattr(client, "INITIAL_TIMEOUT_SEC", 60)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    memory = {"object_store_memory": 100_000_000}
    head = {"num_cpus": 0, "include_dashboard": False, "ray_client_server_port": port, **memory}
    started = Cluster(initialize_head=True, head_node_args=head)
    nodes = [started.add_node(num_cpus=1, **memory) for _ in range(2)]
    started.wait_for_nodes()
    yield f"ray://127.0.0.1:{port}", started, nodes
    ray.shutdown()
    started.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_node_that_dies_changes_no_value(cluster: tuple[str, Any, list[Any]]) -> None:
    """Killed once the first summaries are in, with the tokens that it made: others make them again."""
    address, started, nodes = cluster
    choose = runners(ray_address=address)
    assert isinstance(choose(TextSet.of(TEXTS[:10])), InProcess)
    runner = choose(replace(TextSet.of(TEXTS), shard_bytes=1000))
    whole = runner.summaries

    def killing(shards: Iterable[Shard], settings: LexicalSettings) -> Iterator[Summary]:
        for number, summary in enumerate(whole(shards, settings)):
            if number == 2:
                started.remove_node(nodes[0], allow_graceful=False)
            yield summary

    runner.summaries = killing  # type: ignore[method-assign]
    shards = [TEXTS[start : start + 200] for start in range(0, len(TEXTS), 200)]
    assert figures(measure_texts(shards, runner=runner)) == figures(measure_texts([TEXTS]))
    assert ray.cluster_resources()["CPU"] == 1


def test_a_cluster_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "INITIAL_TIMEOUT_SEC", 0.1)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        choose = runners(ray_address=f"ray://127.0.0.1:{closed.getsockname()[1]}")
        with pytest.raises(ServiceUnavailable):
            choose(replace(TextSet.of(TEXTS), shard_bytes=1000))
