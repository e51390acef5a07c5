"""`SOURCE=smollm2`: what the main job is told of it, and how its server is started and registered."""

from __future__ import annotations

import json
from pathlib import Path

from embedded.demo import (
    DATA,
    REAL_DATA,
    REAL_TEST,
    RECIPE,
    TEST,
    WEAK,
    WEAK_LEVELS,
    files_of,
    filled,
    levels_of,
    parameters_of,
)
from embedded.processes import GENERATOR_MODEL, Base, Source, free_ports, processes, settings
from services.generator.sources.registry import SourceSpec

SMOLLM2 = Source("http://127.0.0.1:9/v1", "m", "smollm2", "chat", "/models/m", "m-1", 32, 80.0)
BUNDLED = Source("http://127.0.0.1:9/v1", "story-generator", "stand-in")


def test_it_writes_and_is_the_base() -> None:
    wanted = parameters_of(SMOLLM2, Base("m-1", "/models/m"), None, None, own_rows=False)
    assert (wanted["format"], wanted["rows"], wanted["base"]) == ("instruct", WEAK["rows"], "m-1")
    assert wanted["training"]["early_stopping"] == WEAK["training"]["early_stopping"]
    assert wanted["training"]["lora"] == {"target_modules": "default"}
    assert levels_of(SMOLLM2) == WEAK_LEVELS
    assert levels_of(BUNDLED) is None
    document = filled(RECIPE, {"real": "dataset-1", "test": "dataset-2"}, wanted, 571)
    assert set(wanted) - {"training"} - {"format"} <= set(document["parameters"])
    assert document["parameters"]["rows"] == WEAK["rows"]
    assert document["parameters"]["topics_from"] is None  # it would list lines of the rows that it is shown
    held_back = document["parameters"]["held_back"]["validation"] * 571
    assert round(held_back) == WEAK["rows"] // 2


def test_its_rows_are_the_bundled_human_ones_unless_others_are_named() -> None:
    own = Path("mine.jsonl")
    assert files_of(SMOLLM2, None, None) == (REAL_DATA, REAL_TEST)
    assert files_of(BUNDLED, None, None) == (DATA, TEST)
    assert files_of(SMOLLM2, own, None) == (own, None)


def test_no_story_is_in_both_files() -> None:
    stories = [
        {json.loads(line)["id"].rpartition(":")[0] for line in path.read_text().splitlines()}
        for path in (REAL_DATA, REAL_TEST)
    ]
    assert stories[0]
    assert stories[1]
    assert not stories[0] & stories[1]


def test_its_server_is_started_and_registered_with_what_was_measured(tmp_path: Path) -> None:
    ports = free_ports(None)
    told = json.loads(settings(tmp_path, ports, SMOLLM2)["GAMUT_SOURCES"])["stories"]
    spec = SourceSpec.model_validate(told)
    assert (spec.concurrency, spec.tokens_per_second, spec.revision) == (32, 80.0, "m-1")
    for source, folder in ((SMOLLM2, "/models/m"), (BUNDLED, str(GENERATOR_MODEL))):
        started = next(p for p in processes(tmp_path, ports, source) if p.name == "source")
        assert started.command[started.command.index("--model") + 1] == folder
