"""kill -9 of a real vLLM in the middle of a job: the job says that it waits, and goes on when the server is
back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobRecord, JobState
from tests.integration.generator.conftest import Service
from tests.real_vllm import NAME, RealVllm
from tests.waiting import until

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

ROWS = 240
CONCURRENCY = 16
SOURCE = SourceRef(name="vllm", model=NAME, revision="1")


def wait(condition: Callable[[], bool], running: Future[JobRecord], what: str) -> None:
    def look() -> bool:
        assert not running.done(), f"the job ended before {what}: {running.result().error}"
        return condition()

    until(look, what, seconds=120.0)


def test_a_job_outlives_its_server(vllm: RealVllm, service: Callable[..., Service]) -> None:
    if not vllm.is_ours:
        pytest.skip("the vLLM that GAMUT_TEST_VLLM names is not ours to kill")
    worker = service(vllm=vllm.source(concurrency=CONCURRENCY, max_concurrency=CONCURRENCY))
    worker.patience = 300.0
    topics = TopicsRequest(source=SOURCE, count=40, format=Format.PLAIN, max_tokens=200)
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION,
        topics=worker.run(topics).artifact,
        rows=ROWS,
        sources=[SOURCE],
        format=Format.PLAIN,
        max_tokens=160,
    )
    before = vllm.counter("request_success_total")

    def note() -> str:
        progress = worker.live.progress(next(iter(worker.records.active())))
        return (progress.note or "") if progress else ""

    with ThreadPoolExecutor(1) as thread:
        job = thread.submit(worker.run, request)
        wait(lambda: vllm.counter("request_success_total") - before > ROWS / 4, job, "a quarter of the calls")
        vllm.kill()
        wait(
            lambda: note().startswith("paused: no source can serve story"), job, "the job to say why it waits"
        )
        vllm.start()
        vllm.wait()
        ended = job.result(timeout=300)
    assert ended.state is JobState.SUCCEEDED, ended.error
    artifact = worker.artifact(ended)
    rows = list(artifact.rows())
    assert len(rows) == ROWS
    assert len({row["origin"]["prompt_hash"] for row in rows}) == ROWS
    account = artifact.summary["ledger"]["sources"]["vllm"]
    lost = sum(account["failed"].values())
    assert account["issued"] == account["answered"] + lost
    assert account["answered"] == artifact.summary["candidates"], "no answer was asked for twice"
    assert account["failed"]["cut"] >= 1
    assert account["failed"].keys() <= {"cut", "dead"}
