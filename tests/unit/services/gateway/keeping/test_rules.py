"""What may go and what never may, for any store that hypothesis thinks of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.keeping.rules import Ages, Needs, unneeded
from shared.contracts.artifacts import Manifest, Part
from shared.store.base import ObjectInfo

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AGES = Ages(timedelta(days=7), timedelta(days=30), timedelta(days=7), timedelta(days=400))
ARTIFACTS = [f"dataset-{n:032x}" for n in range(4)]
UPLOAD = "uploads/" + "a" * 64
OTHERS = [UPLOAD, "uploads/open/upload-1.json", "audit/2026-01-01/1.json", "idempotency/1.json"]
artifacts = st.sampled_from(ARTIFACTS)
parts = st.sampled_from(["parts/1-rows.jsonl", "parts/2-rows.jsonl", "parts/1-a/b.json"])
keys = st.one_of(
    st.builds("artifacts/{}/{}".format, artifacts, parts),
    st.builds("artifacts/{}/manifest.json".format, artifacts),
    st.builds("work/{}/checkpoint".format, artifacts),
    st.builds("calls/{}/x".format, artifacts),
    st.builds("spent/{}/000001.json".format, artifacts),
    st.sampled_from(
        ["uploads/" + "a" * 64, "uploads/open/upload-1.json", "audit/2026-01-01/1.json", "idempotency/1.json"]
    ),
)
ages = st.one_of(st.none(), st.integers(0, 1000).map(lambda days: NOW - timedelta(days=days)))
stores = st.dictionaries(keys, ages, max_size=20)
manifests = st.dictionaries(artifacts, st.lists(parts, unique=True, max_size=3), max_size=4)


def manifest(artifact: str, named: list[str]) -> Manifest:
    listed = [Part(name=key, key=key, media_type="x", bytes=1, sha256="0") for key in named]
    fields: dict[str, Any] = {"operation": "o", "version": 1, "request": {}, "inputs": {}, "summary": {}}
    return Manifest(
        id=artifact,
        kind="dataset",
        parts=listed,
        software={},
        job="job-1",
        created_at=NOW,
        **fields,  # type: ignore[arg-type]
    )


@given(stores, manifests, st.sets(artifacts), st.booleans())
def test_nothing_that_is_referenced_under_way_or_young_may_go(
    store: dict[str, datetime | None], named: dict[str, list[str]], being_made: set[str], ingesting: bool
) -> None:
    objects = [ObjectInfo(key, 1, modified) for key, modified in store.items()]
    whole = {artifact: manifest(artifact, keys) for artifact, keys in named.items()}
    gone = set(unneeded(objects, whole, Needs(being_made, ingesting), AGES, NOW))
    assert not gone & {f"artifacts/{artifact}/{key}" for artifact, keys in named.items() for key in keys}
    for key in gone:
        assert not key.endswith("manifest.json")
        assert not key.startswith(("calls/", "spent/"))
        assert not any(artifact in key for artifact in being_made if not key.startswith("uploads"))
        assert not (ingesting and key.startswith("uploads/"))
        modified = store[key]
        assert modified is not None
        assert NOW - modified > timedelta(days=7)


def test_what_an_attempt_left_behind_goes() -> None:
    old = NOW - timedelta(days=31)
    kept, left = (
        f"artifacts/{ARTIFACTS[0]}/parts/2-rows.jsonl",
        f"artifacts/{ARTIFACTS[0]}/parts/1-rows.jsonl",
    )
    scratch = f"work/{ARTIFACTS[0]}/checkpoint"
    objects = [ObjectInfo(key, 1, old) for key in (kept, left, scratch, UPLOAD)]
    whole = {ARTIFACTS[0]: manifest(ARTIFACTS[0], ["parts/2-rows.jsonl"])}
    assert set(unneeded(objects, whole, Needs(set(), False), AGES, NOW)) == {
        left,
        scratch,
        "uploads/" + "a" * 64,
    }
