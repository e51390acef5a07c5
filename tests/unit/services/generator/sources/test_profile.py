"""A Compose profile's own server is among the sources, or the line to write is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from services.generator.settings import GeneratorSettings

MODEL = "Qwen/Qwen2.5-0.5B-Instruct"
OWN = {"vllm": {"base_url": "http://source:8000/v1", "model": MODEL}}


def check(sources: object, model: str = MODEL) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services.generator.sources.profile", model],
        env=os.environ | {"GAMUT_SOURCES": json.dumps(sources)},
        capture_output=True,
        text=True,
    )


def test_a_profile_whose_server_is_named_starts() -> None:
    answer = check({"other": {"base_url": "https://llm.example.com/v1", "model": "big"}} | OWN)
    assert (answer.returncode, answer.stderr) == (0, "")


@pytest.mark.parametrize(
    "sources",
    [
        {"stories": {"base_url": "http://source:8000/v1", "model": "stories"}},
        {"vllm": {"base_url": "http://elsewhere:8000/v1", "model": MODEL}},
        {},
    ],
)
def test_another_is_refused_with_the_line_that_would_do(
    sources: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = check(sources)
    assert answer.returncode == 1
    name, _, value = answer.stderr.splitlines()[-1].partition("=")
    assert name == "GAMUT_SOURCES"
    assert check(json.loads(value)).returncode == 0
    monkeypatch.setenv(name, value)
    assert GeneratorSettings().sources["vllm"].model == MODEL
