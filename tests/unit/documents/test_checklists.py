"""Who follows a checklist of CONTRIBUTING.md needs no other file, and has what works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.generator.conftest import simulated_server
from tests.unit.documents.toys import Toy
from tests.unit.documents.toys.metric import QUESTIONS
from tests.unit.documents.toys.operation import REVERSAL
from tests.unit.documents.toys.strategy import UNGUIDED

TOYS = (REVERSAL, QUESTIONS, UNGUIDED)


@pytest.mark.parametrize("toy", TOYS, ids=lambda toy: toy.name)
def test_a_checklist_names_the_files_that_are_touched_and_no_others(toy: Toy) -> None:
    assert toy.told() == toy.touched


@pytest.mark.parametrize("toy", TOYS, ids=lambda toy: toy.name)
def test_what_is_made_by_a_checklist_runs(toy: Toy, redis_url: str, tmp_path: Path) -> None:
    toy.make(tmp_path / "copy")
    with simulated_server() as source:
        named = source.source()
        asked = (redis_url, named["base_url"], named["model"])
        said = toy.run(tmp_path / "copy", tmp_path, *asked[: 1 if toy is not UNGUIDED else 3])
    assert said == toy.said
