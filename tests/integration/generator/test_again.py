"""A job that is taken up again (its source was away, it was cancelled, its worker was drained): an attempt
never writes over what an earlier one paid for."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import Level
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, simulated_server
from tests.simulation.server import MODEL, SimulatedServer

SOURCE = SourceRef(name="small", model=MODEL, revision="1")
ROWS = 120


class Mortal(SimulatedServer):
    """Dies for good when it has had so many requests."""

    last = 10**9

    @property
    def _dead(self) -> bool:
        return self.counts.requests >= self.last


@pytest.mark.parametrize("levels", [[], [Level(name=f"D{n}", topic_count=n) for n in (1, 20, 60)]])
@pytest.mark.parametrize("deaths", [[40], [90, 100]])
def test_every_attempt_goes_on_where_the_one_before_stopped(
    deaths: list[int], levels: list[Level], local_store: Any, redis_url: str
) -> None:
    with simulated_server(kind=Mortal) as endpoint:
        server = endpoint.server
        assert isinstance(server, Mortal)
        worker = Service(local_store, redis_url, {"small": endpoint.source(max_concurrency=8)})
        topics = worker.run(TopicsRequest(source=SOURCE, count=60)).artifact
        before = server.counts.requests, server.counts.answered["200"]
        rows = ROWS // max(1, len(levels))
        request = GenerationRequest(
            kind=DatasetKind.TEXT, topics=topics, rows=rows, levels=levels, sources=[SOURCE]
        )
        worker.patience = 0.2
        for death in deaths:
            server.last = before[0] + death
            assert worker.run(request).reason == "source_unavailable"
        server.last = Mortal.last
        ended = worker.run(request)
        assert ended.state is JobState.SUCCEEDED, ended.error
        artifact = worker.artifact(ended)
        ids = [row["id"] for row in artifact.rows()]
        assert len(ids) == len(set(ids)) == ROWS
        assert ids == [
            f"{name}-{n:07d}" for name in ([level.name for level in levels] or ["rows"]) for n in range(rows)
        ]
        spent = artifact.summary["ledger"]["sources"]["small"]
        assert spent["answered"] == server.counts.answered["200"] - before[1], "no attempt's account is lost"
        different = {row["origin"]["prompt_hash"] for row in artifact.rows()}
        assert spent["answered"] == len(different), "no answer was paid for twice"
