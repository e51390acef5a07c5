"""The Cluster-agent, the judges and self-preference, end to end, with a simulated model as the instrument."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from statistics import mean
from typing import Any

import pytest

from shared.artifacts import Artifact
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.sources import SourceRef
from shared.contracts.instruments import (
    Aspect,
    Budget,
    ClusterAgentRequest,
    JudgeRequest,
    SelfPreferenceRequest,
)
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, Simulated, upload
from tests.simulation.server import MODEL, Behaviour

SOURCE = SourceRef(name="small", model=MODEL, revision="1")
TEXTS = [{"id": f"t{i}", "text": f"This is text number {i}, about thing {i % 7}."} for i in range(40)]


@pytest.fixture
def endpoint(simulate: Callable[..., Simulated]) -> Simulated:
    return simulate()


@pytest.fixture
def worker(endpoint: Simulated, service: Callable[..., Service]) -> Service:
    return service(small=endpoint.source(api="chat", price_in="1", price_out="1"))


@pytest.fixture
def texts(worker: Service) -> str:
    return upload(worker.store, DatasetKind.TEXT, TEXTS)


def measured(worker: Service, request: JobRequest) -> Artifact:
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    return worker.artifact(ended)


def agent(texts: str, **fields: Any) -> ClusterAgentRequest:
    return ClusterAgentRequest(
        **{"dataset": texts, "source": SOURCE, "runs": 60, "criteria_runs": 8, **fields}
    )


@pytest.mark.parametrize("operation", ["cluster_agent", "judge", "self_preference"])
def test_what_a_measurement_takes_was_told_before(worker: Service, texts: str, operation: str) -> None:
    others = upload(
        worker.store, DatasetKind.TEXT, [{**row, "text": f"Otherwise: {row['text']}"} for row in TEXTS]
    )
    requests: dict[str, JobRequest] = {
        "cluster_agent": agent(texts),
        "judge": JudgeRequest(dataset=texts, source=SOURCE),
        "self_preference": SelfPreferenceRequest(
            judge=SOURCE, candidates={"a": texts, "b": others}, prompts=30
        ),
    }
    request = requests[operation]

    def told(changed: JobRequest) -> dict[str, Any]:
        details = worker.estimate(changed).details
        assert details is not None
        return details.model_dump()

    whole = told(request)
    limited = told(request.model_copy(update={"budget": Budget(calls=20, money=0.001)}))
    ledger = measured(worker, request).summary["ledger"]
    account = ledger["sources"]["small"]
    assert whole["calls"]["low"] <= account["answered"] <= whole["calls"]["high"]
    spent = account["tokens_in"] + account["tokens_out"]
    assert sum(whole[way]["low"] for way in ("tokens_in", "tokens_out")) <= spent
    assert spent <= sum(whole[way]["high"] for way in ("tokens_in", "tokens_out"))
    assert 0 < whole["seconds"]["low"] < whole["seconds"]["high"]
    assert whole["money"]["USD"]["low"] <= float(ledger["money"]["USD"]) <= whole["money"]["USD"]["high"]
    assert limited["calls"]["high"] <= 20
    assert limited["money"]["USD"]["high"] <= 0.001


def test_the_score_follows_from_the_raw_runs(worker: Service, texts: str) -> None:
    artifact = measured(worker, agent(texts))
    runs = list(artifact.rows("runs.jsonl"))
    assert len(runs) == 60
    for run in runs:
        verdicts = {verdict["cluster"]: verdict["valid"] for verdict in run["verdicts"]}
        members = [cluster["members"] for cluster in run["clusters"]]
        assert sorted(member for group in members for member in group) == list(range(1, 11))
        asked = {number for number, group in enumerate(members, start=1) if len(group) > 1}
        assert set(verdicts) == asked, "singletons are always valid"
        valid = [len(group) for number, group in enumerate(members, start=1) if verdicts.get(number, 1)]
        assert run["C"] == len(valid)
        assert run["score"] == pytest.approx(len(valid) / mean(valid) if valid else 0.0)
    summary = artifact.summary
    assert summary["cluster_score"] == pytest.approx(mean(run["score"] for run in runs))
    assert summary["cluster_score_low"] < summary["cluster_score"] < summary["cluster_score_high"]
    assert summary["stopped_by"] == "all runs made"
    assert len(artifact.json("measurement.json")["criteria"]) >= 2


def test_it_stops_when_the_interval_is_narrow(worker: Service, texts: str, endpoint: Simulated) -> None:
    artifact = measured(worker, agent(texts, runs=5000, interval_width=1.0, min_runs=20))
    summary = artifact.summary
    assert 20 <= summary["runs"] < 500
    assert summary["cluster_score_high"] - summary["cluster_score_low"] < 1.0
    assert summary["stopped_by"] == "the interval is narrower than 1"
    assert endpoint.server.counts.requests < 2000


def test_a_budget_ends_it_with_what_there_is(worker: Service, texts: str) -> None:
    artifact = measured(worker, agent(texts, runs=5000, budget=Budget(calls=150)))
    assert "the budget of 150 calls" in artifact.summary["stopped_by"]
    assert 60 < artifact.summary["runs"] < 75, "8 criteria, 8 calls to gather them, 2 for each run"
    kept = Counter(row["reason"] for row in artifact.rows("failures.jsonl"))
    assert kept["surplus"] == 0, "every run that was paid for counts"


@pytest.mark.parametrize("template_tokens", [0, 500])
@pytest.mark.parametrize("budget", [{"calls": 301}, {"tokens": 150_000}, {"money": 0.15}])
def test_no_budget_is_passed_by_the_calls_under_way(
    worker: Service, texts: str, endpoint: Simulated, budget: dict[str, Any], template_tokens: int
) -> None:
    """256 at a time, of a source that counts for itself, by a template that nobody has seen before."""
    endpoint.server.behaviour.latency = 0.02
    endpoint.server.behaviour.template_tokens = template_tokens
    worker.sources["small"] |= {"concurrency": 256, "max_concurrency": 256}
    request = agent(texts, runs=5_000, max_tokens=400, budget=Budget(**budget))
    artifact = measured(worker, request)
    counts = endpoint.server.counts
    used = {
        "calls": counts.answered["200"],
        "tokens": counts.tokens_in + counts.tokens_out,
        "money": (counts.tokens_in + counts.tokens_out) / 1e6,
    }
    for name, limit in budget.items():
        assert 0.9 * limit < used[name] <= limit
        assert f"the budget of {limit:g} {name}" in artifact.summary["stopped_by"]


def test_first_calls_at_once_pass_no_budget(worker: Service, texts: str, endpoint: Simulated) -> None:
    """Each brings a template of 500 tokens that is longer than its prompt."""
    endpoint.server.behaviour = Behaviour(latency=0.05, template_tokens=500)
    worker.sources["small"] |= {"concurrency": 256, "max_concurrency": 256}
    other = upload(worker.store, DatasetKind.TEXT, [{**row, "text": "Otherwise."} for row in TEXTS])
    candidates = {"a": texts, "b": other}
    request = SelfPreferenceRequest(judge=SOURCE, candidates=candidates, budget=Budget(tokens=20_000))
    artifact = measured(worker, request)
    counts = endpoint.server.counts
    assert 18_000 < counts.tokens_in + counts.tokens_out <= 20_000
    assert "the budget of 20000 tokens" in artifact.summary["stopped_by"]


def test_the_budget_holds_while_criteria_are_sought(worker: Service, texts: str) -> None:
    ended = worker.run(agent(texts, criteria_runs=1_000, budget=Budget(calls=20)))
    assert (ended.state, ended.reason) == (JobState.FAILED, "budget_exhausted")
    assert ended.error is not None
    assert "the budget of 20 calls is spent" in ended.error.detail
    assert "of 1000 answers" in ended.error.detail


def test_what_was_under_way_at_an_early_stop_is_no_parse_failure(worker: Service, texts: str) -> None:
    artifact = measured(worker, agent(texts, runs=2_000, interval_width=100.0, min_runs=2))
    kept = Counter(row["reason"] for row in artifact.rows("failures.jsonl"))
    assert kept["surplus"] > 0
    assert artifact.summary["parse_failures"] == kept["parse"] == 0
    assert artifact.json("measurement.json")["refused"] == kept


LONG = {"id": "long", "text": "A very long story. " * 2_000}


def test_a_row_longer_than_the_judges_window_is_rated_by_its_ends(
    worker: Service, endpoint: Simulated
) -> None:
    """Rows were sent whole, and a source with a small window refused each of the long ones."""
    endpoint.server.behaviour.context = 4_096
    rows = upload(worker.store, DatasetKind.TEXT, [*TEXTS, LONG])
    artifact = measured(worker, JudgeRequest(dataset=rows, source=SOURCE))
    assert endpoint.server.counts.answered == {"200": 2 * 41}
    rated = list(artifact.rows("ratings.jsonl"))
    assert [row["row"] for row in rated if row["clipped"]] == ["long"]
    assert artifact.summary["rows_clipped"] == 1
    assert artifact.summary["quality_parse_failures"] == 0


def test_what_is_shown_of_a_row_can_be_set(worker: Service, texts: str, endpoint: Simulated) -> None:
    short = upload(worker.store, DatasetKind.TEXT, [{**LONG, "text": "x" * 100}, {**LONG, "text": "x" * 101}])
    artifact = measured(worker, JudgeRequest(dataset=short, source=SOURCE, max_characters=100))
    assert artifact.summary["rows_clipped"] == 1
    assert measured(worker, JudgeRequest(dataset=texts, source=SOURCE)).summary["rows_clipped"] == 0


def test_a_question_about_a_long_context_reaches_the_judge(worker: Service, endpoint: Simulated) -> None:
    endpoint.server.behaviour.context = 4_096
    pair = {"id": "q", "context_id": "c", "question": "Did it rain?", "answer": "Yes."}
    rows = upload(worker.store, DatasetKind.QA, [pair], {"c": LONG["text"]})
    artifact = measured(worker, JudgeRequest(dataset=rows, source=SOURCE))
    assert artifact.summary["rows_clipped"] == 1
    assert artifact.summary["quality_parse_failures"] == 0


def test_cluster_agents_and_comparisons_tell_what_was_not_shown_whole(
    worker: Service, endpoint: Simulated
) -> None:
    rows = upload(worker.store, DatasetKind.TEXT, [*TEXTS, LONG])
    assert measured(worker, agent(rows, criteria=["Their subject."])).summary["texts_clipped"] == 1
    short = upload(worker.store, DatasetKind.TEXT, [*TEXTS, {**LONG, "text": "Short."}])
    request = SelfPreferenceRequest(judge=SOURCE, candidates={"a": rows, "b": short}, prompts=None)
    artifact = measured(worker, request)
    assert artifact.summary["comparisons_clipped"] == 2
    assert {row["key"] for row in artifact.rows("comparisons.jsonl") if row["clipped"]} == {"long"}


def test_a_window_too_small_for_the_measurement_ends_it_with_what_to_do(
    worker: Service, texts: str, endpoint: Simulated
) -> None:
    endpoint.server.behaviour.context = 500
    ended = worker.run(JudgeRequest(dataset=texts, source=SOURCE))
    assert (ended.state, ended.reason) == (JobState.FAILED, "source_refused")
    assert ended.error is not None
    assert "maximum context length is 500 tokens" in ended.error.detail
    assert "lower max_tokens or what a prompt shows (max_characters" in ended.error.detail


def test_criteria_that_do_not_fit_the_window_when_gathered_are_no_internal_error(
    worker: Service, texts: str, endpoint: Simulated
) -> None:
    """Forty entries make a longer prompt than five texts do: no call could take its place."""
    request = agent(texts, criteria_runs=15, max_tokens=400)
    endpoint.server.behaviour.context = 1_000
    ended = worker.run(request)
    assert (ended.state, ended.reason) == (JobState.FAILED, "source_refused")
    assert ended.error is not None
    assert "maximum context length is 1000 tokens" in ended.error.detail
    assert endpoint.server.counts.answered["200"] >= 15, "all were asked for their criteria"


def test_criteria_may_be_given(worker: Service, texts: str) -> None:
    artifact = measured(worker, agent(texts, criteria=["They are alike when they are about the same thing."]))
    assert list(artifact.rows("criteria.jsonl")) == []
    assert artifact.json("measurement.json")["criteria"] == [
        "They are alike when they are about the same thing."
    ]


def test_ratings_and_the_danger_zone(worker: Service, texts: str) -> None:
    artifact = measured(worker, JudgeRequest(dataset=texts, source=SOURCE))
    rows = list(artifact.rows("ratings.jsonl"))
    assert [row["row"] for row in rows] == [row["id"] for row in TEXTS]
    dangerous = [row for row in rows if row["quality"] >= 4 and row["harmfulness"] >= 4]
    assert artifact.summary["danger_zone"] == len(dangerous) / len(rows)
    assert artifact.summary["quality_mean"] == pytest.approx(mean(row["quality"] for row in rows))
    assert artifact.summary["quality_parse_failures"] == 0


def test_ratings_of_which_none_can_be_read_are_no_measurement(worker: Service, texts: str) -> None:
    request = JudgeRequest(
        dataset=texts, source=SOURCE, structured=False, rows=10, tries=2, aspects=[Aspect.QUALITY]
    )
    ended = worker.run(request)
    assert (ended.state, ended.reason) == (JobState.FAILED, "candidates_exhausted")
    assert ended.error is not None
    assert "20 answers" in ended.error.detail


def test_self_preference_is_read_from_logprobs_in_both_orders(worker: Service) -> None:
    prompts = [{"id": f"p{i}", "context": f"Prompt {i}"} for i in range(6)]

    def answered(name: str) -> str:
        rows = [{**p, "completion": f"{name} answers {p['id']}"} for p in prompts]
        return upload(worker.store, DatasetKind.COMPLETION, rows)

    request = SelfPreferenceRequest(
        judge=SOURCE,
        candidates={"own": answered("own"), "other": answered("other"), "people": answered("people")},
        target="own",
        human="people",
    )
    artifact = measured(worker, request)
    rows = list(artifact.rows("comparisons.jsonl"))
    assert len(rows) == 6 * 3 * 2
    scores: dict[str, list[float]] = {"own": [], "other": [], "people": []}
    for row in rows:
        scores[row["first"]].append(row["first_share"])
        scores[row["second"]].append(1 - row["first_share"])
    s = {name: mean(values) for name, values in scores.items()}
    assert artifact.summary["self_preference_bias"] == pytest.approx(s["own"] - s["other"])
    assert artifact.summary["pro_synthetic_bias"] == pytest.approx((s["own"] + s["other"]) / 2 - s["people"])
    assert artifact.summary["parse_failures"] == 0


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_to_measure_are_refused_before_they_are_paid_for(
    worker: Service, endpoint: Simulated, rows: int
) -> None:
    few = upload(worker.store, DatasetKind.TEXT, TEXTS[:rows])
    requests = [agent(few), *([] if rows else [JudgeRequest(dataset=few, source=SOURCE)])]
    for request in requests:
        ended = worker.run(request)
        assert (ended.state, ended.reason) == (JobState.FAILED, "invalid_request")
        assert "rows" in str(ended.error)
    assert endpoint.server.counts.requests == 0
