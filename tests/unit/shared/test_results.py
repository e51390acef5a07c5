"""Results are contracts: what a manifest says is of the class that its operation's request names."""

from __future__ import annotations

import pytest

from shared.artifacts import Artifact, manifest_of
from shared.contracts.artifacts import Manifest
from shared.contracts.datasets import DatasetKind, DatasetSummary, IngestRequest, UploadedFile
from shared.contracts.measurement import MeasurementSummary
from shared.contracts.mixture import MixtureSummary
from shared.contracts.operations import OPERATIONS
from shared.errors import InputMissing
from shared.store.local import LocalStore
from tests.data.artifacts import kept_manifests

FILE = UploadedFile(sha256="0" * 64, bytes=1, format="jsonl")
REQUEST = IngestRequest(kind=DatasetKind.TEXT, file=FILE)


@pytest.mark.parametrize("made", kept_manifests(), ids=lambda made: made.id)
def test_what_was_written_before_is_read_as_it_stands(made: Manifest) -> None:
    read = made.summary_as(OPERATIONS[made.operation].result)
    assert read.stored() == made.summary


def test_all_twenty_operations_of_then_have_one_here() -> None:
    made = {made.operation for made in kept_manifests()}
    assert len(made) == 20
    assert made <= OPERATIONS.keys()


def test_a_manifest_keeps_what_was_given_and_nothing_else() -> None:
    manifest = manifest_of(REQUEST, DatasetSummary(kind=DatasetKind.TEXT, rows=3), job="job-0")
    assert manifest.summary == {"kind": "text", "rows": 3}
    assert manifest.software.keys() == {"gamut"}


def test_a_handler_that_returns_another_class_is_stopped() -> None:
    with pytest.raises(TypeError, match="ingest makes a DatasetSummary"):
        manifest_of(REQUEST, MeasurementSummary(rows=3, tokens=None), job="job-0")
    more = MixtureSummary(
        kind=DatasetKind.TEXT, rows=3, rho=0.5, unit="rows", real=2, generated=1
    )  # a dataset's summary too, but not the one that is promised
    with pytest.raises(TypeError, match="not a MixtureSummary"):
        manifest_of(REQUEST, more, job="job-0")


def test_later_fields_take_their_defaults_and_earlier_ones_are_left_out() -> None:
    stored = {"kind": "text", "rows": 3, "given_up": {"why": "long ago"}}
    read = DatasetSummary.read(stored)
    assert (read.rows, read.contexts, read.rejects) == (3, None, None)
    assert read.stored() == {"kind": "text", "rows": 3}


def test_values_under_their_own_names_stay() -> None:
    read = MeasurementSummary.read({"rows": 3, "tokens": 12, "distinct_1": 0.5})
    assert read.stored() == {"rows": 3, "tokens": 12, "distinct_1": 0.5}


def test_an_artifact_of_another_operation_is_refused_by_name(local_store: LocalStore) -> None:
    made = next(made for made in kept_manifests() if made.operation == "topics")
    with pytest.raises(InputMissing, match="DatasetSummary"):
        Artifact(local_store, made).summary_as(DatasetSummary)


def test_truth_values_are_no_figures() -> None:
    made = next(made for made in kept_manifests() if made.operation == "train")
    assert made.figure("stopped_early") is None
    assert made.figure("seconds") == made.summary["seconds"]
    assert made.figure("nothing of this name") is None
