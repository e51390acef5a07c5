"""One file of real rows, one vLLM address and a base model of one's own: the README's command, for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tokenizers import Tokenizer

from embedded.demo import DATA, RECIPE
from embedded.processes import GENERATOR_MODEL, REPOSITORY
from tests.e2e.conftest import shrunk
from tests.real_vllm import RealVllm, vllm_python

pytestmark = pytest.mark.vllm

NAME = "my-model"
CONTEXT = 2048
TEMPLATE = (
    "{%- for message in messages -%}{{- message.content }}\n\n{%- endfor -%}"
    "{{- '- ' if 'List ' in messages[-1].content else 'Story:' -}}"
)
"""As an instructed model is asked, turn by turn; the last words are what the bundled model goes on from."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled generator with room for prompts that show examples, and a chat template."""
    made = tmp_path_factory.mktemp("models") / NAME
    shutil.copytree(GENERATOR_MODEL, made)
    for file, key in (
        ("config.json", "max_position_embeddings"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        told = json.loads((made / file).read_text())
        (made / file).write_text(json.dumps(told | {key: CONTEXT}))
    ends = Tokenizer.from_file(str(made / "tokenizer.json")).encode("\n").ids
    told = json.loads((made / "generation_config.json").read_text())
    told["eos_token_id"] = [told["eos_token_id"], *ends]  # it was taught to end a story with the line
    (made / "generation_config.json").write_text(json.dumps(told))
    (made / "chat_template.jinja").write_text(TEMPLATE)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RealVllm]:
    if vllm_python() is None:
        pytest.skip("GAMUT_VLLM_PYTHON does not name the python of an environment with vLLM")
    started = RealVllm(model=folder, name=NAME)
    started.start()
    try:
        started.wait()
        yield started
    finally:
        started.kill()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty stories, without ids and without a test file."""
    path = tmp_path_factory.mktemp("rows") / "mine.jsonl"
    lines = [json.loads(line) for line in DATA.read_text().splitlines()[:60]]
    path.write_text(
        "".join(json.dumps({k: row[k] for k in ("context", "completion")}) + "\n" for row in lines)
    )
    return path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    document = shrunk(RECIPE, seed=1)
    document["sweep"] |= {"level": {"few": 2, "many": 10}, "seed": [1]}
    document["parameters"] |= {"rows": 8, "pool": 10}
    path = tmp_path_factory.mktemp("recipe") / "small.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def demo(data_dir: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "embedded", "demo", "--data-dir", str(data_dir), *options]
    told = os.environ | {"COLUMNS": "200"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=800, cwd=REPOSITORY, env=told, check=False
    )


def test_one_command_ends_with_what_to_do(
    server: RealVllm, folder: Path, rows: Path, recipe: Path, tmp_path: Path
) -> None:
    ended = demo(
        tmp_path,
        *("--data", str(rows), "--task", "very short stories", "--recipe", str(recipe)),
        *("--source", f"{server.url}/v1", "--model", NAME, "--base", str(folder)),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report: dict[str, Any] = json.loads((tmp_path / "demo" / "report.json").read_text())
    [answer] = report["answers"]
    assert {dose["label"] for dose in answer["doses"]} == {"real", "real + few", "real + many", "few", "many"}
    assert answer["untuned"]["value"] > 0
    said = " ".join(ended.stdout.split())
    assert all(" ".join(finding.split()) in said for finding in report["findings"])
    parameters = report["recipe"]["parameters"]
    assert parameters["base"].startswith(f"{NAME}-")
    assert (parameters["format"], parameters["examples"], parameters["sentences"]) == ("instruct", 3, None)
    assert parameters["topics_from"] == report["recipe"]["inputs"]["real"]
    assert parameters["rows"] == 8
    page = (tmp_path / "demo" / "report.html").read_text()
    assert "What to do" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--base", "./nowhere"), "there is no folder ./nowhere"),
        (("--base", str(REPOSITORY / "docs")), "holds no config.json"),
        (("--model", "other"), f"does not serve 'other'; it serves {NAME}"),
        (("--data", str(REPOSITORY / "README.md")), "the name must end in one of"),
        (("--data", "nothing.jsonl"), "there is no file nothing.jsonl"),
    ],
    ids=["no folder", "no model", "another model", "no table", "no file"],
)
def test_a_slip_is_told_before_anything_starts(
    server: RealVllm, rows: Path, tmp_path: Path, options: tuple[str, str], told: str
) -> None:
    named = {"--data": str(rows), "--source": f"{server.url}/v1", "--model": NAME} | dict([options])
    ended = demo(tmp_path, *(word for pair in named.items() for word in pair))
    assert ended.returncode == 1
    assert told in " ".join((ended.stdout + ended.stderr).split())
    assert not (tmp_path / "suite.json").exists()
