"""What instruct models and their servers really answer, from the request to the rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shared.artifacts import Artifact, project_store
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.instruments.requests import JudgeRequest
from shared.contracts.jobs import JobState
from shared.datasets import PROMPTS, REJECTS, ROWS
from shared.prompts import prompts_of
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


@pytest.mark.parametrize(
    ("manner", "reason", "helps"),
    [
        ("think-cut", "only_thought", "enable_thinking"),
        ("reasoning-null", "only_thought", "max_tokens"),
        ("tool-calls", "parse", "template"),
        ("preamble", "chatter", "acceptance.chatter"),
        ("copies", "echo", "examples_per_prompt"),
    ],
)
def test_a_run_whose_answers_are_refused_for_one_reason_stops_after_tens(
    manner: str,
    reason: str,
    helps: str,
    service: Callable[..., Service],
    server: tuple[Misbehaving, Source],
) -> None:
    running = service(bad=server[1](manner), good=server[1]("ok"))
    before = server[0].calls[manner]
    request = generation(running, "good", rows=300).model_copy(update={"sources": [SourceRef(name="bad")]})
    job = running.run(request)
    assert job.error is not None
    assert job.error.code == "candidates_exhausted"
    assert server[0].calls[manner] - before < 100
    detail = job.error.detail or ""
    assert reason in detail
    assert helps in detail
    [kept] = re.findall(r"dataset-[0-9a-f]{32}", detail)
    rejects = list(Artifact.open(project_store(running.store, "p"), kept).rows(REJECTS))
    assert {row["reason"] for row in rejects} == {reason}
    assert running.run(request).artifact is None


def test_every_row_and_every_reject_has_its_prompt(
    service: Callable[..., Service], server: tuple[Misbehaving, Source]
) -> None:
    running = service(fine=server[1]("ok"))
    artifact = made(running, generation(running, "fine"))
    rows = list(artifact.rows(ROWS))
    shown = prompts_of((row["origin"]["prompt_hash"] for row in rows), lambda: artifact.rows(PROMPTS))
    assert len(shown) == len(rows)
    for row in rows:
        prompt = shown[row["origin"]["prompt_hash"]]
        assert row["origin"]["topic"] in prompt
        assert prompt.startswith("[system]\n")
    sent = {turn["content"] for body in server[0].bodies for turn in body["messages"]}
    assert {prompt.split("[user]\n")[1] for prompt in shown.values()} <= sent


RATED = [{"id": f"t{n}", "text": f"Kate found the kite number {n} on a cold morning."} for n in range(300)]


@pytest.mark.parametrize("manner", ["ok", "think-inline", "here-is", "trail", "fence", "no-schema", "parts"])
def test_a_judge_is_read_whatever_it_says_around_its_rating(
    manner: str, service: Callable[..., Service], server: tuple[Misbehaving, Source]
) -> None:
    running = service(judge=server[1](manner))
    dataset = upload(running.store, DatasetKind.TEXT, RATED[:6])
    judged = made(running, JudgeRequest(dataset=dataset, source=SourceRef(name="judge")))
    assert judged.summary["quality_mean"] == 4
    assert judged.summary["quality_parse_failures"] == 0


@pytest.mark.parametrize("manner", ["think-cut", "reasoning-null", "tool-calls"])
def test_a_measurement_that_measured_nothing_fails(
    manner: str, service: Callable[..., Service], server: tuple[Misbehaving, Source]
) -> None:
    running = service(judge=server[1](manner))
    dataset = upload(running.store, DatasetKind.TEXT, RATED)
    before = server[0].calls[manner]
    job = running.run(JudgeRequest(dataset=dataset, source=SourceRef(name="judge")))
    assert job.error is not None
    assert job.error.code == "candidates_exhausted"
    assert server[0].calls[manner] - before < 300
    assert "enough rows" not in (job.error.detail or "")
