"""Artifacts that are not what their manifests say: found by whoever reads them, set aside, made again.

    damaged/<id>.json    what was found, and the manifest as it was, which the artifact has no more

An artifact that is set aside does not exist any more, so whatever makes it makes it again: its upload, or the
request of its job. Its parts stay until they are collected.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import structlog

from shared.contracts.artifacts import Manifest, Part
from shared.errors import GamutError, Reason, StoreUnavailable
from shared.store.base import ObjectNotFound, ObjectStore

log = structlog.get_logger(__name__)
_CRC = re.compile(r"parts/\d+\.([0-9a-f]{8})-")
CURE = "upload its file again, or post the request that made it again"


class DamagedArtifact(GamutError):
    """A part of an artifact is not what its manifest says. Upload its file, or post its request, again."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "damaged_artifact"
    reason = Reason.DAMAGED_ARTIFACT


def part_key(token: int, crc: int, name: str) -> str:
    """Where an attempt puts a part: with the CRC-32 of its bytes, which readers check on the way (ADR 41)."""
    return f"parts/{token}.{crc:08x}-{name}"


class Checksum:
    """What is known of bytes as they pass, to be held against what a part should be: their number and CRC-32;
    their SHA-256 where the part's key says no CRC-32, or where it is to be known for `sure`."""

    def __init__(self, part: Part, *, sure: bool = False) -> None:
        told = _CRC.match(part.key)
        self._part = part
        self._crc = 0
        self._told = int(told[1], 16) if told else None
        self._sha = hashlib.sha256() if sure or told is None else None
        self._bytes = 0

    def add(self, chunk: bytes) -> bytes:
        if self._sha is not None:
            self._sha.update(chunk)
        else:
            self._crc = zlib.crc32(chunk, self._crc)
        self._bytes += len(chunk)
        return chunk

    def passed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        return map(self.add, chunks)

    def fault(self) -> str | None:
        """What is wrong when these were the part's bytes; None when nothing is."""
        if self._bytes != self._part.bytes:
            return f"it has {self._bytes} bytes where the manifest says {self._part.bytes}"
        if self._sha is None and self._crc != self._told:
            return "its bytes have another CRC-32 than they were written with"
        if self._sha is not None and self._sha.hexdigest() != self._part.sha256:
            return "its bytes have another SHA-256 than the manifest says"
        return None


def look(store: ObjectStore, artifact: str, part: Part) -> str | None:
    """Read a whole part; what is wrong with it, or None."""
    checksum = Checksum(part, sure=True)
    try:
        for _ in checksum.passed(store.stream(f"artifacts/{artifact}/{part.key}")):
            pass
    except ObjectNotFound:
        return "it is gone"
    return checksum.fault()


def damaged(store: ObjectStore, manifest: Manifest, part: Part) -> GamutError:
    """The error to raise for a part that was read and is not what it should be.

    The part is read once more: an artifact is set aside only for what the store holds, not for what the
    network or a disk's cache made of it. Then the error is `StoreUnavailable`, and another attempt will do.
    """
    fault = look(store, manifest.id, part)
    if fault is None:
        return StoreUnavailable(
            f"the store gave other bytes of {manifest.id}, part {part.name}, than it holds"
        )
    set_aside(store, manifest, part.name, fault)
    return DamagedArtifact(
        f"artifact {manifest.id} is damaged: of its part {part.name}, {fault}. Nothing of it was used; {CURE}"
    )


def set_aside(store: ObjectStore, manifest: Manifest, part: str, fault: str) -> None:
    """From now on the artifact does not exist. One that was made again meanwhile is left as it is."""
    key = f"artifacts/{manifest.id}/manifest.json"
    found = {"part": part, "fault": fault, "found_at": datetime.now(UTC).isoformat()}
    note = found | {"manifest": manifest.model_dump(mode="json")}
    store.put(f"damaged/{manifest.id}.json", json.dumps(note).encode(), "application/json")
    log.error("artifact.damaged", artifact=manifest.id, part=part, fault=fault)
    try:
        if (
            json.loads(store.get(key)).get("created_at")
            == json.loads(manifest.model_dump_json())["created_at"]
        ):
            store.delete(key)
    except ObjectNotFound:  # another reader was first
        return


def was_set_aside(store: ObjectStore, artifact: str) -> DamagedArtifact | None:
    """What to tell of an artifact that has no manifest; None where nothing is known of it."""
    try:
        found = json.loads(store.get(f"damaged/{artifact}.json"))
    except ObjectNotFound:
        return None
    return DamagedArtifact(
        f"artifact {artifact} was found damaged and set aside: of its part {found['part']}, "
        f"{found['fault']}. To have it back, {CURE}"
    )
