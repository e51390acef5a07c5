"""What instruct models and their servers really answer, from the request to the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.artifacts import Artifact, project_store
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from shared.datasets import ROWS
from tests.integration.generator.conftest import Service, upload
from tests.integration.generator.misbehaving import THOUGHT, Misbehaving, misbehaving_server

Source = Callable[..., dict[str, Any]]
SEEDS = [
    {
        "id": f"s{n}",
        "text": " ".join(f"Tom saw the {thing} number {n} near the lake that day." for thing in "abcde"),
    }
    for n in range(12)
]
MARKS = ("<", "|", "```", "Okay, the user", "**", "#", "Thanks")
TAKEN = (
    "think-inline", "think-open", "think-empty", "harmony", "reasoning-beside", "special-end",
    "special-run-on", "end-turn", "title", "heading", "fence", "thinking-parts", "stream-without-done",
)  # fmt: skip
FITTED = ("max-completion", "temp-one", "temp-or-top-p", "no-seed", "no-system", "no-system-500")
READ = (
    "ok", "usage-float", "usage-words", "usage-none", "gzip", "parts", "surrogate", "rate-403-some",
    *TAKEN, *FITTED,
)  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Misbehaving, Source]]:
    with misbehaving_server() as running:
        yield running


def made(service: Service, request: JobRequest) -> Artifact:
    job = service.run(request)
    assert job.state is JobState.SUCCEEDED, job.error
    return Artifact.open(project_store(service.store, "p"), str(job.artifact))


def generation(service: Service, name: str, **fields: Any) -> GenerationRequest:
    """A request of six texts; its pool of topics is made by the same source."""
    source = SourceRef(name=name)
    topics = made(service, TopicsRequest(source=source, count=20, max_tokens=300))
    assert all(len(row["topic"].split()) < 13 for row in topics.rows("topics.jsonl"))
    wanted = {"rows": 6, "max_tokens": 200, "acceptance": {"length": {"match": "off"}}, **fields}
    examples = upload(service.store, DatasetKind.TEXT, SEEDS)
    return GenerationRequest(
        kind=DatasetKind.TEXT, sources=[source], topics=topics.id, examples=examples, **wanted
    )


@pytest.mark.parametrize("manner", READ)
def test_good_answers_become_clean_rows(
    manner: str, service: Callable[..., Service], server: tuple[Misbehaving, Source]
) -> None:
    running = service(**{manner: server[1](manner)})
    artifact = made(running, generation(running, manner))
    rows = [row["text"] for row in artifact.rows(ROWS)]
    assert len(rows) == 6
    assert not [row for row in rows for mark in MARKS if mark in row]
    assert all(row.endswith(".") for row in rows)
    assert bool(artifact.summary["taken_off"]) == (manner in TAKEN)
    assert bool(artifact.summary["sources_fitted"]) == (manner in FITTED)


def test_thoughts_are_kept_beside_the_row_where_that_is_wanted(
    service: Callable[..., Service], server: tuple[Misbehaving, Source]
) -> None:
    running = service(thinks=server[1]("think-inline"))
    kept = made(running, generation(running, "thinks", keep_thoughts=True))
    assert {row["origin"]["thought"] for row in kept.rows(ROWS)} == {THOUGHT}
    left = made(running, generation(running, "thinks"))
    assert not [row for row in left.rows(ROWS) if "thought" in row["origin"]]
    assert left.summary["taken_off"] == {"thought": 6}


@pytest.mark.parametrize("manner", ["rate-429-day", "rate-429-dayless"])
def test_a_rate_limit_that_lasts_ends_by_the_patience_that_was_set(
    manner: str, service: Callable[..., Service], server: tuple[Misbehaving, Source]
) -> None:
    running = service(limited=server[1](manner))
    running.patience = 1.0
    job = running.run(TopicsRequest(source=SourceRef(name="limited"), count=20))
    assert job.error is not None
    assert job.error.code == "source_unavailable"
    assert "rate limited" in (job.error.detail or "")
    assert server[0].calls[manner] < 40
