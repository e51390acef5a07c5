"""Which objects of a project nothing needs any more: a pure function of what is there.

| objects                        | needed while                                                   |
|--------------------------------|----------------------------------------------------------------|
| `artifacts/<id>/manifest.json` | always: a manifest and the parts that it names are never touched |
| `artifacts/<id>/parts/…`       | the manifest names them, a job is making the artifact, or young  |
| `work/<id>/…`                  | a job is making the artifact, or young                           |
| `uploads/<sha256>…`            | an ingestion is under way, or young                              |
| `idempotency/…`                | young                                                            |
| `audit/…`                      | young                                                            |

Everything else (`calls/…`: answers that were paid for, `spent/…`: what was) is kept. "Young" is by the
store's own clock; what has no known age is young.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.contracts.artifacts import Manifest
from shared.store.base import ObjectInfo

_PART = re.compile(r"artifacts/([^/]+)/(parts/.+)")
_SCRATCH = re.compile(r"work/([^/]+)/.+")


@dataclass(frozen=True)
class Ages:
    """How long what may be dropped is kept nevertheless."""

    parts: timedelta
    scratch: timedelta
    uploads: timedelta
    audit: timedelta


@dataclass(frozen=True)
class Needs:
    """What a project needs: artifacts that jobs are making, and whether files are being read."""

    being_made: Set[str]
    ingesting: bool


def unneeded(
    objects: Iterable[ObjectInfo],
    manifests: Mapping[str, Manifest],
    needs: Needs,
    ages: Ages,
    now: datetime,
) -> Iterator[str]:
    """The keys that may go. `objects` must have been listed before `manifests` and `needs` were read: then an
    attempt that ends meanwhile is seen.
    """
    named = {
        f"artifacts/{artifact}/{part.key}"
        for artifact, manifest in manifests.items()
        for part in manifest.parts
    }
    for found in objects:
        kept = _kept_for(found.key, needs, ages)
        is_old = kept is not None and found.modified is not None and now - found.modified > kept
        if is_old and found.key not in named:
            yield found.key


def _kept_for(key: str, needs: Needs, ages: Ages) -> timedelta | None:
    """How long the object is kept when nothing names it; None: for ever."""
    for pattern, age in ((_PART, ages.parts), (_SCRATCH, ages.scratch)):
        if place := pattern.fullmatch(key):
            return None if place[1] in needs.being_made else age
    if key.startswith("uploads/"):
        return None if needs.ingesting else ages.uploads
    if key.startswith("idempotency/"):
        return ages.scratch
    return ages.audit if key.startswith("audit/") else None
