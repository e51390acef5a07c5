"""`POST /v1/advice`, through every service: a search within a budget that ends in a mixture to train on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from embedded.client import GatewayClient, Json
from embedded.demo import DATA, TEST
from tests.e2e.test_studies import LORA, head

POOLS = {"one topic": 1, "twenty topics": 20}
SIZE, ROWS = 24, 60
TRIALS, REDUCTION = 4, 2


@pytest.fixture(scope="module")
def stories(gateway: GatewayClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("rows")
    files = {"real": head(DATA, 60, folder / "real.jsonl"), "test": head(TEST, 20, folder / "test.jsonl")}
    return {name: gateway.upload(path, "completion", {}) for name, path in files.items()}


@pytest.fixture(scope="module")
def pools(gateway: GatewayClient, stories: dict[str, str]) -> dict[str, str]:
    """Generated rows to choose among: stories of one topic, and of twenty."""
    plain = {"format": "plain", "temperature": 1.0, "max_tokens": 160}
    asked = {"source": {"name": "stories"}, "count": 20, "format": "plain", "max_tokens": 200, "seed": 9}
    topics = made(gateway, "/v1/topics", asked)
    return {
        name.replace(" ", "-"): made(
            gateway,
            "/v1/generations",
            {
                "kind": "completion", "rows": ROWS, "topics": topics, "topic_count": count, "seed": 9,
                "examples": stories["real"], "examples_per_prompt": 0, "sources": [{"name": "stories"}],
                **plain,
            },
        )
        for name, count in POOLS.items()
    }  # fmt: skip


def made(gateway: GatewayClient, path: str, body: Json) -> str:
    job = gateway.wait(gateway.post(path, body)["id"])
    assert (job["state"], job["error"]) == ("succeeded", None)
    return str(job["artifact"])


@pytest.fixture(scope="module")
def request_body(stories: dict[str, str], pools: dict[str, str]) -> Json:
    return {
        **stories,
        "pools": pools,
        "base": "story-base",
        "training": LORA,
        "size": SIZE,
        "trials": TRIALS,
        "reduction": REDUCTION,
        "proxy_steps": 2,
        "search": {"low": 0.2, "high": 0.6, "step": 0.1},
        "seeds": [1, 2],
        "budget": {"training_seconds": 0.001},
    }


@pytest.fixture(scope="module")
def advice(gateway: GatewayClient, request_body: Json) -> Json:
    """The search, first with next to no budget, then with enough of it."""
    paused = gateway.wait(gateway.post("/v1/advice", request_body)["id"])
    assert (paused["state"], paused["reason"]) == ("paused", "budget_exhausted")
    states = Counter(node["state"] for node in nodes(gateway, paused, "train"))
    # The first training told what one takes; none was begun beside it that there was nothing left for.
    assert states.keys() == {"succeeded", "waiting"}
    assert states["succeeded"] == 1
    gateway.post(f"/v1/experiments/{paused['id']}/resume", {"budget": {"training_seconds": 3600}})
    return gateway.wait(paused["id"])


def nodes(gateway: GatewayClient, job: Json, operation: str) -> list[Json]:
    found = gateway.get(f"/v1/experiments/{job['id']}")["nodes"]
    return [node for node in found if node["operation"] == operation]


def named(gateway: GatewayClient, job: Json, step: str) -> Json:
    [found] = [node for node in gateway.get(f"/v1/experiments/{job['id']}")["nodes"] if node["name"] == step]
    return dict(found)


@pytest.fixture(scope="module")
def report(gateway: GatewayClient, advice: Json, tmp_path_factory: pytest.TempPathFactory) -> Any:
    assert (advice["state"], advice["error"]) == ("succeeded", None)
    path = tmp_path_factory.mktemp("report") / "report.json"
    return json.loads(gateway.download(advice["artifact"], "report.json", path).read_text())


def test_the_mixture_is_a_dataset_of_the_rows_that_it_promises(
    gateway: GatewayClient, advice: Json, stories: dict[str, str], pools: dict[str, str]
) -> None:
    mixture = gateway.get(f"/v1/artifacts/{named(gateway, advice, 'recommended')['artifact']}")
    told = mixture["summary"]
    page = gateway.get(f"/v1/datasets/{mixture['id']}/rows?limit=100")
    sides = Counter(row["id"].partition("/")[0] for row in page["rows"])
    assert (sides["real"], sides["generated"]) == (told["real"], told["generated"])
    assert told["real"] == SIZE
    assert told["generated"] == pytest.approx(SIZE * told["rho"] / (1 - told["rho"]), abs=0.5)
    assert told["rho"] == pytest.approx(told["planned_rho"], abs=0.02)
    assert page["total"] == told["rows"] == told["real"] + told["generated"]

    [pool] = [name for name in pools if name == told["pool"]]
    from_pool = {row["id"] for row in gateway.get(f"/v1/datasets/{pools[pool]}/rows?limit=100")["rows"]}
    taken = {row["id"].partition("/")[2] for row in page["rows"] if row["id"].startswith("generated/")}
    assert taken <= from_pool
    lineage = gateway.get(f"/v1/artifacts/{mixture['id']}/lineage")
    above = {node["id"] for node in lineage["nodes"]}
    assert {stories["real"], *pools.values()} <= above
    assert "topics" in {node["kind"] for node in lineage["nodes"]}  # and so to the pools' own topics


def test_the_answer_has_an_expected_loss_with_its_interval(report: Any) -> None:
    [answer] = report["answers"]
    doses = {dose["name"]: dose["outcome"] for dose in answer["doses"]}
    assert doses.keys() == {"real", "recommended"}
    for outcome in doses.values():
        assert outcome["low"] <= outcome["value"] <= outcome["high"]
        assert outcome["seeds"] == 2
    [effect] = [dose["effect"] for dose in answer["doses"] if dose["name"] == "recommended"]
    verdicts = {"helps": ("add", "recommended")}
    told = (answer["verdict"], answer["recommended"]["name"])
    assert told == verdicts.get(effect, ("add_nothing", "real"))
    assert answer["tested_against"] == ["in_addition_to"]  # trained for a fixed length, and it says so
    assert report["findings"][1].startswith(f"The search's mixture is {SIZE} real rows and ")


def test_every_trial_is_told_and_the_pruned_are_named(
    gateway: GatewayClient, advice: Json, report: Any
) -> None:
    rungs: dict[int, list[Json]] = {}
    for trial in report["trials"]:
        rungs.setdefault(trial["rung"], []).append(trial)
    assert {rung: len(trials) for rung, trials in rungs.items()} == {0: TRIALS, 1: TRIALS // REDUCTION + 1}
    sizes = []
    for rung, trials in sorted(rungs.items()):
        by_loss = sorted(trials, key=lambda trial: trial["value"])
        kept = [trial for trial in trials if trial["outcome"] == "kept"]
        assert by_loss[0] in kept
        assert all(trial["outcome"] in ("kept", "pruned") for trial in trials)
        assert any(trial["outcome"] == "pruned" for trial in trials), rung
        sizes.append({gateway.get(f"/v1/artifacts/{t['mixture']}")["summary"]["real"] for t in trials})
    assert [len(found) for found in sizes] == [1, 1]
    assert max(sizes[0]) < max(sizes[1]) < SIZE  # each rung sees more rows than the one before
    [winner] = [trial for trial in rungs[1] if trial["outcome"] == "kept"]
    told = gateway.get(f"/v1/artifacts/{named(gateway, advice, 'recommended')['artifact']}")["summary"]
    assert (told["pool"], told["planned_rho"]) == (winner["pool"], winner["rho"])


def test_the_search_never_saw_the_test_set(
    gateway: GatewayClient, advice: Json, stories: dict[str, str]
) -> None:
    """What the rungs were chosen by holds none of the test rows, and none that was trained on."""
    tested = {node["step"]: node for node in nodes(gateway, advice, "evaluate")}
    chosen_by = gateway.get(f"/v1/artifacts/{tested['tested0']['artifact']}")["request"]["dataset"]
    assert chosen_by != stories["test"]
    part = {row["id"] for row in gateway.get(f"/v1/datasets/{chosen_by}/rows?limit=100")["rows"]}
    mixture = named(gateway, advice, "recommended")["artifact"]
    rows = gateway.get(f"/v1/datasets/{mixture}/rows?limit=100")["rows"]
    assert part
    assert part.isdisjoint(row["id"].partition("/")[2] for row in rows if row["id"].startswith("real/"))


def test_posting_it_again_runs_nothing(gateway: GatewayClient, advice: Json, request_body: Json) -> None:
    before = {job["id"]: job["sequence"] for job in gateway.get("/v1/jobs?limit=200")["items"]}
    again = gateway.post("/v1/advice", request_body)
    assert (again["id"], again["state"], again["artifact"]) == (advice["id"], "succeeded", advice["artifact"])
    assert {job["id"]: job["sequence"] for job in gateway.get("/v1/jobs?limit=200")["items"]} == before


def test_the_report_shows_the_trials(
    gateway: GatewayClient, advice: Json, report: Any, tmp_path: Path
) -> None:
    page = gateway.download(advice["artifact"], "report.html", tmp_path / "report.html").read_text()
    assert "Trials behind it" in page
    assert page.count("<td>pruned</td>") == sum(trial["outcome"] == "pruned" for trial in report["trials"])
