"""Refusals, errors, cut answers and a dead source at once: the job is slower, and whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from shared.artifacts import Artifact
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, Simulated
from tests.simulation.server import MODEL

ROWS = 800
STORM = {"latency": 0.01, "refuse": 0.20, "fail": 0.05, "cut": 0.02}


@pytest.fixture
def sources(simulate: Callable[..., Simulated]) -> list[Simulated]:
    """Three peers; the third is dead for a while, just after the start."""
    return [
        simulate(**STORM, seed=1),
        simulate(**STORM, seed=2, retry_after=0.05),
        simulate(**STORM, seed=3, dead_from=0.5, dead_until=3.0),
    ]


@pytest.fixture
def weathered(sources: list[Simulated], service: Callable[..., Service]) -> Artifact:
    worker = service(**{f"s{number}": source.source() for number, source in enumerate(sources)})
    refs = [SourceRef(name=f"s{number}") for number in range(3)]
    pool = worker.run(TopicsRequest(source=refs[0], count=40))
    assert pool.artifact is not None
    for source in sources:
        source.server.counts = type(source.server.counts)()
    request = GenerationRequest(kind=DatasetKind.TEXT, topics=pool.artifact, rows=ROWS, sources=refs)
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    return worker.artifact(ended)


def test_a_storm_costs_no_row(weathered: Artifact, sources: list[Simulated]) -> None:
    rows = list(weathered.rows())
    assert len(rows) == ROWS
    assert len({row["id"] for row in rows}) == ROWS
    assert len({row["origin"]["prompt_hash"] for row in rows}) == ROWS
    ledger = weathered.summary["ledger"]["sources"]
    for number, source in enumerate(sources):
        counts, account = source.server.counts, ledger[f"s{number}"]
        said = Counter(counts.answered)
        heard = Counter(account["failed"])
        assert account["answered"] == said["200"] > 0
        assert account["tokens_in"] == counts.tokens_in
        assert account["tokens_out"] == counts.tokens_out
        assert heard["rate_limited"] == said["429"] > 0
        assert heard["server_error"] == said["500"] > 0
        assert heard["cut"] == said["cut"] + said["dropped"]
        assert account["issued"] == account["answered"] + heard.total()
    assert sum(account["answered"] for account in ledger.values()) == ROWS
    assert all(row["origin"]["model"] == MODEL for row in rows)
