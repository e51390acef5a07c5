"""The main job over HTTP: real rows, a held-out test set and a recipe in; a table and a report out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from embedded.client import ENDED, GatewayClient, Json, Refused
from embedded.processes import REPOSITORY, Base, Source
from embedded.rows import kind_of

RECIPE = REPOSITORY / "examples" / "recipes" / "diversity-ladder.yaml"
DATA = REPOSITORY / "examples" / "data" / "stories.train.jsonl"
TEST = REPOSITORY / "examples" / "data" / "stories.test.jsonl"
INSTRUCTED: Json = {
    "format": "instruct",
    "examples": 3,
    "sentences": None,
    "temperature": 0.7,
    "max_tokens": 512,
}
"""What W does with a model that follows instructions; the bundled one only continues text."""
REAL_DATA = REPOSITORY / "examples" / "data" / "fairytales.train.jsonl"
REAL_TEST = REPOSITORY / "examples" / "data" / "fairytales.test.jsonl"
REAL_TASK, REAL_ITEM = "short fairy tales", "a very short fairy tale"
WEAK: Json = {
    "examples": 0,
    "topics_from": None,
    "top_p": 0.95,
    "max_tokens": None,
    "length": {"match": "range", "slack": 0.5},
    "pool": 25,
    "pool_each": 5,
    "pool_shown": 0,
    "pool_temperature": 0.5,
    "pool_top_p": 0.9,
    "pool_tokens": 80,
    "rows": 48,
    "training": {"learning_rate": 2e-3, "epochs": 2, "early_stopping": {"patience": 1}},
}
"""For an instruct model of 135M parameters on a CPU: it keeps to no length, copies the examples that
it is shown, repeats itself in long lists of topics, and takes 11 CPU seconds for 1,000 tokens of training."""
WEAK_LEVELS: Json = {"D1": 1, "D2": 5, "D3": 25}
WEAK_REACHED: Json = {"25 %": 0.25}
"""Of the learning curve of real rows one small size: four would take a model of this size too long here, and
with fewer the report does not say what a generated row is worth."""
W_TRAINING: Json = {"learning_rate": 1e-4, "lora": {"target_modules": "default"}, "epochs": 6}
"""For a base of the caller's own, W's but for the epochs, which are the most that a training may take; a base
of a million parameters needs more."""
REACH = 2
"""Real rows of the learning curve to each real row of a training: as many as an addition makes of them."""
HELD_BACK, MOST_HELD_BACK = 0.1, 100
"""Share of the real rows that says when a training is at its best, and the most rows it takes; never more
than half as many as are trained on, since each epoch is judged by all of them."""


@dataclass(frozen=True)
class Outcome:
    """How the experiment ended, and its report."""

    job: Json
    reused: bool
    report: Json | None
    page: Path | None
    failures: dict[str, list[str]]
    """What each failed step's job says, with the steps it says it of."""


def run(
    gateway: GatewayClient,
    data: Path,
    test: Path | None,
    recipe: Path,
    folder: Path,
    told: Callable[[str, Json], None],
    parameters: Json | None = None,
    levels: Json | None = None,
) -> Outcome:
    """`told` hears every event of the experiment. Raises `Refused` with what the suite says is wrong.

    Without a test file a fifth of the rows is held out. `parameters` are for those that the recipe has; the
    bundled one is asked for no more `rows` of each kind than there are real ones to train on, and has its own
    levels unless others are given.
    """
    kind = kind_of(data)
    inputs = {}
    for name, path in (("real", data), ("test", test)):
        if path is not None:
            told("upload", {"path": path})
            inputs[name] = gateway.upload(path, kind, {})
    if test is None:
        inputs = _held_out(gateway, inputs["real"])
    there = gateway.get(f"/v1/artifacts/{inputs['real']}")["summary"]["rows"]
    wanted = {"kind": kind, **(parameters or {})}
    document = filled(recipe, inputs, wanted, there)
    if levels and recipe == RECIPE:
        document["sweep"] |= {"level": levels, "reached": WEAK_REACHED}
    told("estimate", {"recipe": document})
    job = gateway.post("/v1/experiments", document)
    reused = job["state"] == "succeeded"
    while job["state"] not in {*ENDED, "paused"}:
        for event, content in gateway.events(job["id"]):
            told(event, content)
        job = gateway.get(f"/v1/jobs/{job['id']}")
    if job["state"] in ("failed", "paused"):
        raise Refused(job["error"] or {"detail": "the experiment failed; its steps' jobs say why"})
    failures = _failures(gateway, job)
    if not job["artifact"]:
        return Outcome(job, reused, None, None, failures)
    folder.mkdir(parents=True, exist_ok=True)
    page = gateway.download(job["artifact"], "report.html", folder / "report.html")
    gateway.download(job["artifact"], "table.csv", folder / "table.csv")
    report: Any = yaml.safe_load(
        gateway.download(job["artifact"], "report.json", folder / "report.json").read_text()
    )
    return Outcome(job, reused, report, page, failures)


def filled(recipe: Path, inputs: dict[str, str], parameters: Json, real_rows: int) -> Json:
    """The recipe with its inputs and those of the parameters that it has."""
    document: Json = yaml.safe_load(recipe.read_text())
    document["inputs"] = inputs
    own = document.get("parameters", {})
    if parameters.get("format") == "instruct" and "topics_from" not in parameters:
        parameters = {**parameters, "topics_from": inputs["real"]}
    for name, value in parameters.items():
        if name in own:
            laid_on = isinstance(value, dict) and isinstance(own[name], dict)
            own[name] = {**own[name], **value} if laid_on else value
    if recipe == RECIPE:
        held_back = max(1, min(round(HELD_BACK * real_rows), MOST_HELD_BACK, own["rows"] // 2))
        share = held_back / max(real_rows, 2)
        own["held_back"] = {"train": 1 - share, "validation": share}
        own["rows"] = min(own["rows"], real_rows - held_back)
        own["reach"] = REACH * own["rows"]
    return document


def parameters_of(
    source: Source, base: Base | None, task: str | None, rows: int | None = None, *, own_rows: bool
) -> Json:
    """How the recipe's parameters follow from what a person named."""
    found: Json = dict(INSTRUCTED) if source.api == "chat" else {}
    training = W_TRAINING
    if weak := source.started_here == "smollm2":
        found |= WEAK
        training = {**W_TRAINING, **WEAK["training"]}
    if rows is not None:
        found["rows"] = rows
    if task or own_rows:
        found |= {"task": task or "texts like these examples", "item": ""}
    elif weak:
        found |= {"task": REAL_TASK, "item": REAL_ITEM}
    if base:
        found |= {"base": base.name, "training": training}
    return found


def levels_of(source: Source) -> Json | None:
    """The doses of topics, where they are not the recipe's own."""
    return WEAK_LEVELS if source.started_here == "smollm2" else None


def files_of(source: Source, data: Path | None, test: Path | None) -> tuple[Path, Path | None]:
    """The rows, and the held-out ones where there are any: those named, else the bundled ones that suit the
    source."""
    bundled = (REAL_DATA, REAL_TEST) if source.started_here == "smollm2" else (DATA, TEST)
    return bundled if data is None else (data, test)


def _held_out(gateway: GatewayClient, rows: str) -> dict[str, str]:
    """The rows in two datasets that share none: four fifths to learn from, one to test on."""
    found = {}
    for name, take in (("real", "train"), ("test", "test")):
        body = {"dataset": rows, "shares": {"train": 0.8, "test": 0.2}, "take": take}
        job = gateway.wait(gateway.post("/v1/splits", body)["id"])
        if not job["artifact"]:
            raise Refused(job["error"] or {"detail": "the rows could not be split"})
        found[name] = str(job["artifact"])
    return found


def _failures(gateway: GatewayClient, job: Json) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    if job["state"] != "succeeded":
        for node in gateway.get(f"/v1/experiments/{job['id']}")["nodes"]:
            if node["state"] == "failed":
                error = gateway.get(f"/v1/jobs/{node['job']}")["error"]
                found.setdefault(error["detail"], []).append(node["name"])
    return found
