"""Corpora and the demo's rows: the same bytes from the same seed, and train and test apart."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from standin.corpus import EXAMPLE_COUNTS, PLANS, documents, example_rows, write_rows
from standin.pretrain import MODELS

EXAMPLES = Path(__file__).parents[3] / "examples" / "data"


def rows(split: str) -> list[dict[str, str]]:
    lines = (EXAMPLES / f"stories.{split}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_same_plan_gives_the_same_digest(tmp_path: Path) -> None:
    for name, plan in PLANS.items():
        first = write_rows(documents(plan, 200), tmp_path / f"{name}.1")
        assert first == write_rows(documents(plan, 200), tmp_path / f"{name}.2")


def test_a_cut_corpus_is_the_beginning_of_the_whole() -> None:
    plan = PLANS["generator"]
    assert list(documents(plan, 20)) == list(islice(documents(plan), 20))


def test_the_command_makes_the_committed_rows_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "standin.corpus", "examples", "--out", str(tmp_path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert re.findall(r"sha256:[0-9a-f]{64}  .*stories\.(?:train|test)\.jsonl", printed)
    for split in EXAMPLE_COUNTS:
        name = f"stories.{split}.jsonl"
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes()


@pytest.mark.parametrize("split", EXAMPLE_COUNTS)
def test_rows_are_completions(split: str) -> None:
    found = rows(split)
    assert len(found) == EXAMPLE_COUNTS[split] == len({row["id"] for row in found})
    for row in found:
        assert set(row) == {"id", "context", "completion"}
        assert row["context"].count(".") == 4
        assert row["completion"].count(".") == 1


def test_no_row_of_one_split_is_nearly_one_of_the_other() -> None:
    """Contexts share wordings, as real rows of one genre do; none shares half its five-word sequences."""
    grams = {
        split: [{tuple(words[i : i + 5]) for i in range(len(words) - 4)} for words in texts]
        for split in EXAMPLE_COUNTS
        for texts in [[f"{row['context']} {row['completion']}".split() for row in rows(split)]]
    }
    worst = max(len(a & b) / len(a | b) for a in grams["train"] for b in grams["test"])
    assert worst < 0.5


def test_splits_are_drawn_apart() -> None:
    train, test = ([row["context"] for row in example_rows(split)] for split in EXAMPLE_COUNTS)
    assert not set(train) & set(test)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_the_bundled_models_name_the_corpus_that_the_command_writes(name: str, tmp_path: Path) -> None:
    provenance = json.loads((MODELS / name / "provenance.json").read_text())
    assert write_rows(documents(PLANS[name]), tmp_path / name) == provenance["corpus"]["sha256"]
