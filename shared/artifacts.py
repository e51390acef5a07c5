"""Artifacts in the object store: parts first, the manifest last and only once.

artifacts/<id>/manifest.json         exists ⇔ the artifact exists; put if absent, never changed
artifacts/<id>/parts/<token>.<crc>-<name>
                                     named by the attempt that wrote it, so that a second attempt cannot touch
                                     what the first one's manifest names; and by the CRC-32 of its bytes
work/<id>/…                          what attempts hand on to each other: journals, checkpoints
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import ValidationError

from shared.contracts.artifacts import Manifest, Part
from shared.contracts.base import ArtifactSummary, JobRequest
from shared.contracts.json_types import JsonObject
from shared.damage import Checksum, damaged, part_key, was_set_aside
from shared.errors import InputMissing
from shared.identity import artifact_id
from shared.store.base import ObjectNotFound, ObjectStore
from shared.store.prefixed import PrefixedStore
from shared.stored import Unreadable, read_stored

_CHUNK = 2**20
S = TypeVar("S", bound=ArtifactSummary)
Row = dict[str, Any]
"""A row of a JSONL part: its columns by name."""


def project_store(store: ObjectStore, project: str) -> ObjectStore:
    """The corner of the store that a project sees; nothing outside it can be named from inside."""
    return PrefixedStore(store, f"projects/{project}")


def scratch_store(store: ObjectStore, artifact_id: str) -> ObjectStore:
    return PrefixedStore(store, f"work/{artifact_id}")


def find_manifest(store: ObjectStore, artifact_id: str) -> Manifest | None:
    """None where there is none, or none that can be read."""
    key = f"artifacts/{artifact_id}/manifest.json"
    try:
        return read_stored(Manifest, key, store.get(key))
    except (ObjectNotFound, Unreadable):
        return None


def has_manifest(store: ObjectStore, artifact_id: str) -> bool:
    return store.head(f"artifacts/{artifact_id}/manifest.json") is not None


class Artifact:
    """A finished artifact, open for reading.

    Whatever reads a part to its end has it checked on the way, and raises `DamagedArtifact` for other bytes.
    What stops before the end has not been told whether they were whole.
    """

    def __init__(self, store: ObjectStore, manifest: Manifest) -> None:
        self._store = store
        self.manifest = manifest
        self.id = manifest.id

    @classmethod
    def open(cls, store: ObjectStore, artifact_id: str) -> Artifact:
        """Raises `InputMissing` when there is no such artifact, `DamagedArtifact` when it was set aside."""
        manifest = find_manifest(store, artifact_id)
        if manifest is None:
            if known := was_set_aside(store, artifact_id):
                raise known
            if has_manifest(store, artifact_id):
                raise Unreadable(f"the manifest of {artifact_id} cannot be read. {Unreadable().detail}")
            raise InputMissing(f"there is no artifact {artifact_id}: make it first, or correct the id")
        return cls(store, manifest)

    @property
    def summary(self) -> JsonObject:
        return self.manifest.summary

    def summary_as(self, kind: type[S]) -> S:
        """The summary as the class that its operation's request names. Raises `InputMissing` when it cannot
        be read as that: it is an artifact of another operation, or one too old."""
        try:
            return self.manifest.summary_as(kind)
        except ValidationError as error:
            raise InputMissing(
                f"the summary of {self.id} cannot be read as {kind.__name__} ({error.error_count()} faults, "
                f"the first: {error.errors()[0]['msg']}): name another artifact, or make it again"
            ) from error

    def has(self, name: str) -> bool:
        return self.manifest.part(name) is not None

    def key(self, name: str) -> str:
        """The part's key in the project's store."""
        return f"artifacts/{self.id}/{self._part(name).key}"

    def stream(self, name: str) -> Iterator[bytes]:
        """The part in chunks."""
        part = self._part(name)
        checksum = Checksum(part)
        try:
            yield from checksum.passed(self._store.stream(self.key(name)))
        except ObjectNotFound:
            raise damaged(self._store, self.manifest, part) from None
        if checksum.fault():
            raise damaged(self._store, self.manifest, part)

    def read(self, name: str) -> bytes:
        return b"".join(self.stream(name))

    def json(self, name: str) -> Any:
        return json.loads(self.read(name))

    def rows(self, name: str = "rows.jsonl") -> Iterator[Row]:
        """The rows of a JSONL part, streamed: memory holds one chunk and one row."""
        rest = b""
        chunks = self.stream(name)
        try:
            for chunk in chunks:
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield json.loads(line)
        except ValueError:
            for _ in chunks:  # no JSON: most likely not what was written, which the rest tells
                pass
            raise
        if rest:
            yield json.loads(rest)

    def copy(self, name: str, target: Path) -> None:
        """Write the part to a file of that name, which appears when it is whole."""
        draft = target.with_name(target.name + ".part")
        with draft.open("wb") as file:
            for chunk in self.stream(name):
                file.write(chunk)
        draft.rename(target)

    def path(self, name: str, folder: Path) -> Path:
        """The part as a file: where it lies when the store is local, else a copy in `folder`.

        Not checked: read it through `lines` first, and `check` the part when one makes no sense.
        """
        if local := self._store.local_path(self.key(name)):
            return local
        copy = folder / f"{self.id}-{name.replace('/', '-')}"
        if not copy.exists():
            try:
                self._store.get_file(self.key(name), copy)
            except ObjectNotFound:
                raise damaged(self._store, self.manifest, self._part(name)) from None
        return copy

    def lines(self, name: str, path: Path) -> Iterator[bytes]:
        """The lines of a part that `path` gave, each with its end."""
        part = self._part(name)
        checksum = Checksum(part)
        with suppress(FileNotFoundError), path.open("rb") as file:
            while lines := file.readlines(_CHUNK):
                checksum.add(b"".join(lines))
                yield from lines
        if checksum.fault():
            raise damaged(self._store, self.manifest, part)

    def check(self, name: str) -> None:
        """Read the whole part for nothing but whether it is what was written."""
        for _ in self.stream(name):
            pass

    def check_size(self, name: str) -> None:
        """All that can be said of a part without reading it: whether it is there, and as long as it was."""
        part = self._part(name)
        found = self._store.head(self.key(name))
        if found is None or found.bytes != part.bytes:
            raise damaged(self._store, self.manifest, part)

    def _part(self, name: str) -> Part:
        part = self.manifest.part(name)
        if part is None:
            raise InputMissing(f"artifact {self.id} has no part {name}")
        return part


def manifest_of(
    request: JobRequest, summary: ArtifactSummary, *, job: str, packages: Iterable[str] = ()
) -> Manifest:
    """The manifest of what a request makes, its parts still to be named (`ArtifactWriter.commit`).

    `packages` are the distributions that computed it, beside ours. Raises TypeError when the summary is not
    of the class that the request names: what is kept must be what the API promises.
    """
    if type(summary) is not request.result:
        made = type(summary).__name__
        raise TypeError(f"{request.operation} makes a {request.result.__name__}, not a {made}")
    stored = summary.stored()
    request.result.read(stored)  # what cannot be read again must not be kept
    return Manifest(
        id=artifact_id(request),
        kind=request.produces,
        operation=request.operation,
        version=request.version,
        request=request.canonical(),
        inputs=request.input_artifacts(),
        parts=[],
        summary=stored,
        software={package: version(package) for package in ("gamut", *packages)},
        job=job,
        created_at=datetime.now(UTC),
    )


class ArtifactWriter:
    """Collects the parts of one attempt; `commit` makes them an artifact, once."""

    def __init__(self, store: ObjectStore, artifact_id: str, token: int, folder: Path) -> None:
        self._store = store
        self._id = artifact_id
        self._token = token
        self._folder = folder
        self._parts: dict[str, Part] = {}

    @contextmanager
    def part(self, name: str, media_type: str) -> Iterator[BinaryIO]:
        """A file to write the part into; it is put when the block ends without an error."""
        with tempfile.NamedTemporaryFile(dir=self._folder) as file:
            yield file  # type: ignore[misc]  # a NamedTemporaryFile is a BinaryIO in all but its declared type
            file.flush()
            path = Path(file.name)
            part = _describe(self._token, name, media_type, path)
            self._store.put_file(f"artifacts/{self._id}/{part.key}", path, media_type)
            self._parts[name] = part

    def put(self, name: str, data: bytes, media_type: str) -> None:
        with self.part(name, media_type) as file:
            file.write(data)

    def put_json(self, name: str, value: Any) -> None:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1)
        self.put(name, text.encode(), "application/json")

    def put_rows(self, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Writes JSONL; returns the number of rows."""
        count = 0
        with self.part(name, "application/jsonl") as file:
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n")
                count += 1
        return count

    def commit(self, manifest: Manifest) -> Manifest:
        """The manifest that stands: this one, or that of the attempt which was first."""
        whole = manifest.model_copy(update={"parts": list(self._parts.values())})
        key, data = f"artifacts/{self._id}/manifest.json", whole.model_dump_json(indent=1).encode()
        if self._store.put_if_absent(key, data):
            return whole
        stands = self._store.get(key)
        if not _is_json(stands):  # nobody's manifest: what a sick disk left of one
            self._store.put(key, data, "application/json")
            return whole
        return read_stored(Manifest, key, stands)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def _describe(token: int, name: str, media_type: str, path: Path) -> Part:
    sha, crc, size, lines = hashlib.sha256(), 0, 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
            lines += chunk.count(b"\n")
    rows = lines if media_type == "application/jsonl" else None
    key = part_key(token, crc, name)
    return Part(name=name, key=key, media_type=media_type, bytes=size, sha256=sha.hexdigest(), rows=rows)
