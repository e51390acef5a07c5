"""The release before this one and the one after, as far as they read and write the store otherwise.

The one before refuses fields that it does not know, as it did. The one after has more to say in records and
manifests, and says that their format is another.
"""

from __future__ import annotations

import json
import os
from typing import Any

from shared.store.local import LocalStore

FIRST_RECORD = frozenset({
    "id", "project", "operation", "version", "queue", "request", "state", "sequence", "attempts", "artifact",
    "reason", "error", "not_before", "resubmissions", "key", "created_at", "updated_at",
})  # fmt: skip
"""The fields of a record before records said their format. Those who read them then refused all others."""
FIRST_MANIFEST = frozenset({
    "id", "kind", "operation", "version", "request", "inputs", "parts", "summary", "software", "job",
    "created_at",
})  # fmt: skip
FIRST_PART = frozenset({"name", "key", "media_type", "bytes", "sha256", "rows"})
NEWER: dict[str, Any] = {"format": 2, "shard": 7, "origin": {"cluster": "north"}}


def refuse_unknown(key: str, data: bytes) -> bytes:
    """Raises ValueError, as the release before did, for a record or a manifest with a field more."""
    known = _known(key)
    if known is not None:
        told = json.loads(data)
        parts = {name for part in told.get("parts", ()) for name in part}
        if more := (told.keys() - known) | (parts - FIRST_PART):
            raise ValueError(f"{key}: extra fields {sorted(more)} are not permitted")
    return data


def say_more(key: str, data: bytes) -> bytes:
    return data if _known(key) is None else json.dumps(json.loads(data) | NEWER).encode()


def _known(key: str) -> frozenset[str] | None:
    if key.startswith("jobs/"):
        return FIRST_RECORD
    return FIRST_MANIFEST if key.endswith("/manifest.json") else None


class PreviousRelease(LocalStore):
    def get(self, key: str) -> bytes:
        return refuse_unknown(key, super().get(key))


class NextRelease(LocalStore):
    def put_if_absent(self, key: str, data: bytes, media_type: str = "application/json") -> bool:
        return super().put_if_absent(key, say_more(key, data), media_type)


RELEASES: dict[str, type[LocalStore]] = {
    "previous": PreviousRelease,
    "this": LocalStore,
    "next": NextRelease,
}


def release() -> type[LocalStore]:
    """The store of the release that this process is told to be of."""
    return RELEASES[os.environ.get("TEST_RELEASE", "this")]
