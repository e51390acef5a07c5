"""Each artifact is shown as its operation's class, with what its manifest says and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from services.gateway.artifacts.shown import ShownArtifact, UntypedArtifact, shown
from shared.contracts.artifacts import Manifest
from shared.contracts.operations import OPERATIONS
from tests.data.artifacts import kept_manifests

ADAPTER: TypeAdapter[Any] = TypeAdapter(ShownArtifact)


@pytest.mark.parametrize("made", kept_manifests(), ids=lambda made: made.id)
def test_what_is_shown_is_what_is_stored(made: Manifest) -> None:
    view = shown(made)
    assert type(view.summary) is OPERATIONS[made.operation].result
    told = ADAPTER.dump_python(view, mode="json", exclude_unset=True)
    assert told == made.model_dump(mode="json", exclude_unset=True)
    assert type(ADAPTER.validate_python(told)) is type(view), "a client finds the class by `operation`"


def test_a_summary_of_another_release_is_shown_untyped_with_a_note() -> None:
    made = kept_manifests()[0].model_copy(update={"summary": {"score": "high"}})
    view = shown(made)
    assert isinstance(view, UntypedArtifact)
    assert view.summary == {"score": "high"}
    assert made.operation in view.note


def test_so_is_one_of_an_operation_that_nobody_here_knows() -> None:
    view = shown(kept_manifests()[0].model_copy(update={"operation": "distil"}))
    assert isinstance(view, UntypedArtifact)
    assert "distil" in view.note
