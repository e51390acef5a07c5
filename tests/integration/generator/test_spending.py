"""What attempts spent is known of each artifact, made or not, and is what the source answered."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.catalogue import Catalogue
from services.gateway.experiments.coordination import Coordinator
from services.gateway.experiments.spending import taken
from services.gateway.jobs.cancellation import Cancellation
from services.generator.operations.handlers import handlers as generator_handlers
from services.generator.settings import GeneratorSettings
from shared.artifacts import project_store
from shared.contracts.base import JobRequest
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from shared.contracts.operations import OPERATIONS
from shared.identity import artifact_id
from shared.jobs.spending import spent
from shared.store.local import LocalStore
from tests.integration.generator.conftest import Service, Simulated, simulated_server
from tests.integration.generator.test_again import Mortal
from tests.simulation.server import MODEL

SOURCE = SourceRef(name="small", model=MODEL, revision="1")
PRICE = {"price_in": "1", "price_out": "2"}


def paid(endpoint: Simulated) -> dict[str, Any]:
    """What the source has answered so far."""
    counts = endpoint.server.counts
    money = pytest.approx((counts.tokens_in + 2 * counts.tokens_out) / 1e6)
    return {"tokens": counts.tokens_in + counts.tokens_out, "money": money}


def test_a_job_that_fails_and_goes_on_spent_what_its_source_answered(
    local_store: LocalStore, redis_url: str
) -> None:
    """Its source dies twice: each attempt adds what it paid for itself, and the manifest says the sum."""
    with simulated_server(kind=Mortal) as endpoint:
        server = endpoint.server
        assert isinstance(server, Mortal)
        worker = Service(local_store, redis_url, {"small": endpoint.source(**PRICE, max_concurrency=8)})
        worker.patience = 0.2
        request = TopicsRequest(source=SOURCE, count=400)
        store = project_store(local_store, "p")
        seen = [0.0]
        for server.last in (10, 25, Mortal.last):
            ended = worker.run(request)
            assert ended.state is (JobState.SUCCEEDED if server.last == Mortal.last else JobState.FAILED)
            found = spent(store, artifact_id(request))
            assert {name: found[name] for name in ("tokens", "money")} == paid(endpoint)
            assert taken(store, artifact_id(request)) == found
            seen.append(found["tokens"])
        assert sorted(set(seen)) == seen


def test_a_budget_hears_of_a_source_that_is_paid_for_nothing(local_store: LocalStore, redis_url: str) -> None:
    """Each of five pools asks three times and fails for want of topics: after the first, none is begun."""
    with simulated_server() as endpoint:
        worker = Service(local_store, redis_url, {"small": endpoint.source()})
        cancellation = Cancellation(worker.records, worker.live, worker.sender)
        catalogue = Catalogue(OPERATIONS)
        coordinator = Coordinator(
            worker.records,
            worker.live,
            worker.submission,
            cancellation,
            catalogue,
            lambda project, request: 0,
        )
        handlers: dict[type[JobRequest], Any] = dict(
            generator_handlers(GeneratorSettings(sources=worker.sources, source_patience_seconds=0.2))
        )
        handlers[ExperimentRequest] = coordinator.advance
        worker.runner = worker.worker(handlers)
        job = worker.submit(ExperimentRequest.model_validate(POOLS))
        worker.drain()
        paused = worker.records.get(job.id)
        assert (paused.state, paused.reason) == (JobState.PAUSED, "budget_exhausted")
        assert [r.reason for r in worker.records.all() if r.operation == "topics"] == ["candidates_exhausted"]
        assert paused.error is not None
        assert f"tokens: {paid(endpoint)['tokens']:,.4g} spent of 1" in paused.error.detail
        assert endpoint.server.counts.requests == 3


POOLS = {
    "name": "pools",
    "sweep": {"seed": [1, 2, 3, 4, 5]},
    "budget": {"tokens": 1},
    "steps": {
        "pool": {
            "operation": "topics",
            "request": {
                "source": SOURCE.model_dump(),
                "count": 4000,
                "max_candidates": 3,
                "seed": {"axis": "seed"},
            },
        },
        "generated": {
            "operation": "generate",
            "request": {
                "kind": "text",
                "sources": [SOURCE.model_dump()],
                "topics": {"step": "pool"},
                "rows": 1,
            },
        },
        "answer": {
            "operation": "report",
            "request": {"runs": {"gather": [{"dataset": {"step": "generated"}}]}},
        },
    },
    "report": "answer",
}
