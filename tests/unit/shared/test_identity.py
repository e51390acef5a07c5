"""Ids follow from content: equal requests meet, different ones never do."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.base import ArtifactKind, JobRequest, Queue
from shared.identity import artifact_id, canonical_json, job_id

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class First(JobRequest):
    operation: ClassVar[str] = "first"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.DATASET
    queue: ClassVar[Queue] = Queue.MEASURE
    rows: int
    seed: int = 0


class Second(First):
    version: ClassVar[int] = 2


@given(plain)
def test_canonical_json_is_json_and_does_not_depend_on_order(value: object) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    if isinstance(value, dict):
        assert canonical_json(dict(reversed(list(value.items())))) == text


def test_nan_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"loss": float("nan")})


def test_a_default_written_out_is_the_same_request() -> None:
    assert artifact_id(First(rows=3)) == artifact_id(First(rows=3, seed=0))


def test_every_field_and_the_version_are_in_the_id() -> None:
    ids = {
        artifact_id(request)
        for request in (First(rows=3), First(rows=4), First(rows=3, seed=1), Second(rows=3))
    }
    assert len(ids) == 4
    assert all(made.startswith("dataset-") and len(made) == 40 for made in ids)


def test_a_job_belongs_to_a_project() -> None:
    assert job_id("p", First(rows=3)) != job_id("q", First(rows=3))
    assert job_id("p", First(rows=3)) == job_id("p", First(rows=3, seed=0))
