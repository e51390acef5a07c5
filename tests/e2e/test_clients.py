"""The generated clients and the examples that use them, against the running suite.

`make clients` makes the clients; without them these tests say that they were skipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.demo import DATA
from embedded.suite import Suite

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "examples" / "scripts"
PYTHON_CLIENT = ROOT / "clients" / "python"
STUDY = ROOT / "clients" / "typescript" / "build" / "study.js"
needs_python = pytest.mark.skipif(
    not (PYTHON_CLIENT / "gamut_gateway").exists(), reason="no Python client: `make clients` makes it"
)
needs_typescript = pytest.mark.skipif(
    not STUDY.exists(), reason="no TypeScript client: `make clients` makes it"
)


def run(suite: Suite, *command: str | Path) -> str:
    environment = os.environ | {"GAMUT_URL": suite.url, "MPLBACKEND": "Agg"}
    ran = subprocess.run(
        list(map(str, command)), env=environment, cwd=SCRIPTS, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-3000:] + ran.stdout[-1000:]
    return ran.stdout


@pytest.fixture(scope="module")
def generated(suite: Suite) -> tuple[str, str]:
    """What examples/scripts/generate.py made: the real dataset and the generated one."""
    words = run(suite, sys.executable, "generate.py", DATA, "12", "3").split()
    return words[-2], words[-1]


@needs_python
def test_the_scripts_upload_and_generate(suite: Suite, generated: tuple[str, str]) -> None:
    real, made = generated
    assert re.fullmatch(r"dataset-[0-9a-f]{32}", real)
    assert re.fullmatch(r"dataset-[0-9a-f]{32}", made)


@needs_python
def test_the_scripts_measure(suite: Suite, generated: tuple[str, str]) -> None:
    said = run(suite, sys.executable, "measure.py", generated[1], generated[0])
    summary = json.loads(said[said.index("{") :])
    assert summary["rows"] == 12
    assert 0 < summary["distinct_5"] <= 1
    assert "js_unigram" in summary  # the shift from the reference


@needs_python
def test_the_scripts_train_and_test(suite: Suite, generated: tuple[str, str]) -> None:
    said = run(suite, sys.executable, "train.py", generated[1])
    result = json.loads(said[said.index("{") :])
    assert re.fullmatch(r"model-[0-9a-f]{32}", result["model"])
    assert result["loss"] > 0


@needs_python
def test_a_script_says_what_is_wrong_and_where(suite: Suite) -> None:
    command = [sys.executable, "measure.py", "dataset-" + "0" * 32]
    ran = subprocess.run(
        command, env=os.environ | {"GAMUT_URL": suite.url}, cwd=SCRIPTS, capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert "/dataset: there is no artifact" in ran.stderr


@needs_python
def test_the_notebook_runs_from_its_first_cell_to_its_last(suite: Suite, tmp_path: Path) -> None:
    cells = json.loads((SCRIPTS / "plot.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    picture = tmp_path / "plot.png"
    program = "\n".join(code).replace("COUNT = 40", "COUNT = 12") + f"\nfigure.savefig({str(picture)!r})\n"
    script = tmp_path / "notebook.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(SCRIPTS)!r})\n{program}")
    run(suite, sys.executable, script)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def on_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(PYTHON_CLIENT))
    yield
    for name in [name for name in sys.modules if name.startswith("gamut_")]:
        del sys.modules[name]


@needs_python
@pytest.mark.usefixtures("on_path")
def test_the_inner_services_clients_read_their_answers(suite: Suite) -> None:
    from gamut_generator import Client as Generator  # type: ignore[import-not-found]  # made from the document
    from gamut_generator.api.sources import list_sources  # type: ignore[import-not-found]
    from gamut_metrics import Client as Metrics  # type: ignore[import-not-found]
    from gamut_metrics.api.measure import measure_texts  # type: ignore[import-not-found]
    from gamut_metrics.models import MeasureTextsRequest  # type: ignore[import-not-found]

    generator = Generator(base_url=f"http://127.0.0.1:{suite.ports.generator}")
    sources: Any = list_sources.sync(client=generator)
    assert "stories" in [source.name for source in sources]
    metrics = Metrics(base_url=f"http://127.0.0.1:{suite.ports.metrics}", timeout=60)
    body = MeasureTextsRequest(texts=["a fox slept", "a cat ran far"])
    assert measure_texts.sync(client=metrics, body=body).measured is not None


@needs_typescript
def test_the_typescript_client_uploads_measures_and_waits(suite: Suite) -> None:
    said = json.loads(run(suite, "node", STUDY, DATA))
    assert said["dataset"].startswith("dataset-")
    assert said["summary"]["rows"] == 600


@needs_typescript
def test_the_typescript_client_throws_what_is_wrong(suite: Suite, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"context": "x", "ending": "y"}\n')
    environment = os.environ | {"GAMUT_URL": suite.url}
    ran = subprocess.run(["node", STUDY, rows], env=environment, capture_output=True, text=True)
    assert ran.returncode == 1
    assert "/rows/0/completion" in ran.stderr
