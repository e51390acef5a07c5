"""The main job, over HTTP, through every service: from real rows to a tested answer."""

from __future__ import annotations

import csv
import io
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from embedded.client import GatewayClient, Json
from embedded.suite import Suite

FINISHED = {"succeeded"}


@pytest.fixture(scope="session")
def experiment(gateway: GatewayClient, small_recipe: Callable[[int], Json]) -> Json:
    """The small main job, run once."""
    job = gateway.post("/v1/experiments", small_recipe(1))
    return gateway.wait(job["id"])


def test_it_ends_with_a_report(gateway: GatewayClient, experiment: Json, tmp_path: Path) -> None:
    assert (experiment["state"], experiment["error"]) == ("succeeded", None)
    manifest = gateway.get(f"/v1/artifacts/{experiment['artifact']}")
    parts = {part["name"] for part in manifest["parts"]}
    assert {"report.html", "table.csv", "report.json"} <= parts
    assert any(name.endswith(".png") for name in parts)
    page = gateway.download(experiment["artifact"], "report.html", tmp_path / "report.html").read_text()
    assert "<html" in page
    assert "http://" not in page.replace("http://www.w3.org", "")  # it stands alone
    table = gateway.download(experiment["artifact"], "table.csv", tmp_path / "table.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 8  # real, two levels added to it and in its place, real rows at two other sizes, and
    # the model as it was
    assert all(float(row["loss"]) > 0 for row in rows)


def test_more_topics_give_more_diverse_text(gateway: GatewayClient, experiment: Json, tmp_path: Path) -> None:
    report = json.loads(
        gateway.download(experiment["artifact"], "report.json", tmp_path / "r.json").read_text()
    )
    distinct = {row["run"]["value"]: row["distinct_5"]["value"] for row in report["table"]}
    assert distinct["level=2"] < distinct["level=20"]
    rows = {row["run"]["value"]: row["rows"]["value"] for row in report["table"]}
    assert rows == {
        "real": 48,
        "real + level=2": 96,
        "real + level=20": 96,
        "level=2": 48,
        "level=20": 48,
        "real rows fewer": 16,
        "real rows more": 64,
        "untuned": None,
    }


def test_the_answer_is_to_add_what_lowers_the_loss(
    gateway: GatewayClient, experiment: Json, tmp_path: Path
) -> None:
    """The bundled stories, added to few real ones, lower the loss; in place of them they are judged apart."""
    report = json.loads(
        gateway.download(experiment["artifact"], "report.json", tmp_path / "r.json").read_text()
    )
    [answer] = report["answers"]
    assert answer["verdict"] == "add"
    assert {"in_addition_to", "in_place_of"} <= set(answer["tested_against"])
    assert answer["recommended"]["design"] == "in_addition_to"
    assert answer["recommended"]["change"]["high"] < 0
    assert all(avoid["design"] == "in_place_of" for avoid in answer["avoid"])


def test_each_side_is_trained_to_its_own_best_on_the_same_held_back_rows(
    gateway: GatewayClient, experiment: Json, tmp_path: Path
) -> None:
    report = json.loads(
        gateway.download(experiment["artifact"], "report.json", tmp_path / "r.json").read_text()
    )
    [answer] = report["answers"]
    lengths = [length for dose in answer["doses"] for length in dose["lengths"]]
    assert len(lengths) == len(answer["doses"]) == 5
    assert all(length["chosen"] and length["steps"] <= length["planned"] for length in lengths)
    models = [gateway.get(f"/v1/artifacts/{run['artifacts']['model']}") for run in report["runs"][:5]]
    [validation] = {model["inputs"]["validation"] for model in models}

    def texts(dataset: str) -> set[tuple[str, str]]:
        lines = gateway.download(dataset, "rows.jsonl", tmp_path / "rows.jsonl").read_text().splitlines()
        return {(row["context"], row["completion"]) for row in map(json.loads, lines)}

    held_back = texts(validation)
    assert held_back
    for model in models:
        assert held_back.isdisjoint(texts(model["inputs"]["dataset"]))


def test_posted_again_it_answers_at_once_and_runs_nothing(
    gateway: GatewayClient, experiment: Json, small_recipe: Callable[[int], Json]
) -> None:
    before = {job["id"]: job["sequence"] for job in gateway.get("/v1/jobs?limit=200")["items"]}
    started = time.monotonic()
    again = gateway.post("/v1/experiments", small_recipe(1))
    answered = time.monotonic() - started
    assert (again["id"], again["state"]) == (experiment["id"], "succeeded")
    assert again["sequence"] == experiment["sequence"]
    after = {job["id"]: job["sequence"] for job in gateway.get("/v1/jobs?limit=200")["items"]}
    assert after == before
    print(f"answered in {answered:.3f} s")


def test_lineage_leads_from_the_report_to_the_uploaded_rows(
    gateway: GatewayClient, experiment: Json, inputs: dict[str, str]
) -> None:
    lineage = gateway.get(f"/v1/artifacts/{experiment['artifact']}/lineage")
    nodes = {node["id"] for node in lineage["nodes"]}
    assert set(inputs.values()) <= nodes
    kinds = {node["kind"] for node in lineage["nodes"]}
    assert kinds == {"dataset", "topics", "measurement", "model", "evaluation", "report"}


def test_every_generated_row_says_where_it_is_from(gateway: GatewayClient, experiment: Json) -> None:
    lineage = gateway.get(f"/v1/artifacts/{experiment['artifact']}/lineage")
    generated = [node["id"] for node in lineage["nodes"] if node["operation"] == "generate"]
    assert len(generated) == 2
    for dataset in generated:
        page = gateway.get(f"/v1/datasets/{dataset}/rows?limit=100")
        assert page["total"] == 48
        for row in page["rows"]:
            assert {"source", "model", "prompt_hash", "topic", "seed"} <= set(row["origin"])


def test_the_gateway_is_light(suite: Suite) -> None:
    """No torch, numpy, pandas or scikit-learn; the CPU from import to the first answer is printed."""
    program = (
        "import sys\n"
        "from fastapi.testclient import TestClient\n"
        "from services.gateway.api import create_app\n"
        "with TestClient(create_app()) as client:\n"
        "    assert client.get('/health').status_code == 200\n"
        "print(sorted({'torch', 'numpy', 'pandas', 'sklearn', 'transformers'} & set(sys.modules)))\n"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {
        "GAMUT_DATA_DIR": str(suite.data_dir),
        "GAMUT_REDIS_URL": f"redis://127.0.0.1:{suite.ports.redis}/0",
        "PATH": "/usr/bin:/bin",
    }
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ran.stdout.strip() == "[]"
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"CPU to the first answer: {spent:.2f} s")
