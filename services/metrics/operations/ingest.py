"""The `ingest` operation: an uploaded file becomes a dataset artifact."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from services.metrics.ingestion.canonical import ContextShelf, RowMaker, context_of
from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import Fault, FileRecord, UnreadableRest
from shared.contracts.datasets import DatasetKind, DatasetSummary, IngestRequest, UploadedFile
from shared.contracts.problems import FieldError
from shared.datasets import CONTEXTS, ROWS, Row
from shared.errors import InputMissing, InvalidData, InvalidRequest
from shared.jobs.workspace import Workspace
from shared.store.base import ObjectNotFound

FAULTS_SHOWN = 100
CHECK_ROWS = 500
UNPACKED_LEAST = 2**30
UNPACKED_TIMES = 30
"""Rows as JSON lines may take so many times the file's bytes, and a GiB of the smallest: zstd packs prose
five times, and rows that a file holds in a dictionary repeat more than they tell."""


def ingest(request: IngestRequest, workspace: Workspace) -> DatasetSummary:
    """Read the upload once and write its rows. Any fault refuses the whole file, with every fault's line.

    Raises InvalidData (naming up to 100 faults), InputMissing when the upload is not there, and
    InvalidRequest for contexts with a kind that has none.
    """
    if request.contexts is not None and request.kind is not DatasetKind.QA:
        raise InvalidRequest(
            f"only `qa` datasets have contexts, and this is `{request.kind}`",
            [FieldError(pointer="/contexts", detail="leave it out, or set kind to qa")],
        )
    faults = Faults()
    with ExitStack() as parts:
        rows_file = parts.enter_context(workspace.output.part(ROWS, "application/jsonl"))
        shelf = ContextShelf(_keep_in(parts, workspace, request.kind))
        if request.contexts is not None:
            _read_contexts(fetch(request.contexts, workspace, "/contexts"), request.contexts, shelf, faults)
        maker = RowMaker(request.kind, request.columns, shelf)
        rows = 0
        size = Unpacked(request.file)
        for row in _rows(fetch(request.file, workspace, "/file"), request.file, maker, faults, workspace):
            size.add(rows_file.write(orjson.dumps(row) + b"\n"))
            rows += 1
        faults.raise_any("/file")
        if rows == 0:
            raise InvalidData(
                "The file holds no rows: upload a file with at least one.",
                [FieldError(pointer="/file", detail="no rows")],
            )
    if request.kind is DatasetKind.QA:
        return DatasetSummary(kind=request.kind, rows=rows, contexts=len(shelf))
    return DatasetSummary(kind=request.kind, rows=rows)


class Unpacked:
    """Bytes that a file's rows take, which are many more than the file's where texts repeat."""

    def __init__(self, file: UploadedFile) -> None:
        self._most = max(UNPACKED_LEAST, UNPACKED_TIMES * file.bytes)
        self._bytes = 0

    def add(self, count: int) -> None:
        """Raises InvalidData when they are more than may come of the file: before the disk is full."""
        self._bytes += count
        if self._bytes > self._most:
            detail = f"its rows take over {self._most / 2**30:.1f} GiB when they are unpacked"
            raise InvalidData(
                f"the file is too large: {detail}, the most that may come of one of its size. Leave out what "
                "repeats in every row, or split the file",
                [FieldError(pointer="/file", detail=detail)],
            )


class Faults:
    """Gathers what is wrong, up to as much as anyone reads."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    @property
    def full(self) -> bool:
        return len(self.found) >= FAULTS_SHOWN

    def raise_any(self, where: str) -> None:
        """Raises InvalidData when there are any; the first 100, each with its line."""
        if not self.found:
            return
        count = f"{FAULTS_SHOWN} or more rows are" if self.full else f"{len(self.found)} faults are"
        first = self.found[0]
        place = f"line {first.line}" if first.line else f"row {first.number}"
        raise InvalidData(
            f"{count} wrong in the upload (`{where.strip('/')}`), the first at {place}: {first.detail}. "
            "Nothing was kept; correct the file and upload it again.",
            [FieldError(pointer=f.pointer, detail=f.detail, line=f.line) for f in self.found[:FAULTS_SHOWN]],
        )


def fetch(file: UploadedFile, workspace: Workspace, pointer: str) -> Path:
    """The upload as a local file, after checking that it is what its name says.

    Raises InputMissing when it was never uploaded, InvalidData when its SHA-256 is another.
    """
    key = f"uploads/{file.sha256}"
    try:
        path = workspace.store.local_path(key) or _copy(workspace, key)
    except ObjectNotFound as error:
        raise InputMissing(
            f"there is no upload {file.sha256}: finish the upload first",
            [FieldError(pointer=pointer, detail="not uploaded")],
        ) from error
    if (digest := _sha256(path, workspace)) != file.sha256:
        raise InvalidData(
            f"the uploaded bytes have the SHA-256 {digest}, not {file.sha256}: upload the file again",
            [FieldError(pointer=f"{pointer}/sha256", detail="differs from the uploaded bytes")],
        )
    return path


def _rows(
    path: Path, file: UploadedFile, maker: RowMaker, faults: Faults, workspace: Workspace
) -> Iterator[Row]:
    """The good rows of the file, until there are more faults than anyone reads."""
    for record in _records(path, file, faults):
        if record.number % CHECK_ROWS == 0:
            workspace.progress(
                record.number, None, "rows", note="reading the upload", failed=len(faults.found)
            )
        made = maker.row(record)
        if isinstance(made, dict):
            yield made
        else:
            faults.found += made
        if faults.full:
            return


def _records(path: Path, file: UploadedFile, faults: Faults) -> Iterator[FileRecord]:
    try:
        for found in read_records(path, file.format):
            if isinstance(found, FileRecord):
                yield found
            else:
                faults.found.append(found)
            if faults.full:
                return
    except UnreadableRest as stop:
        faults.found.append(stop.fault)


def _read_contexts(path: Path, file: UploadedFile, shelf: ContextShelf, faults: Faults) -> None:
    for record in _records(path, file, faults):
        made = context_of(record)
        if isinstance(made, list):
            faults.found += made
        elif not shelf.shelve(*made):
            detail = f"context {made[0][:80]!r} had another text before"
            faults.found.append(Fault(record.number, record.line, "context_id", detail))
    faults.raise_any("/contexts")


def _keep_in(parts: ExitStack, workspace: Workspace, kind: DatasetKind) -> Any:
    if kind is not DatasetKind.QA:
        return lambda name, text: None
    file: BinaryIO = parts.enter_context(workspace.output.part(CONTEXTS, "application/jsonl"))
    return lambda name, text: file.write(orjson.dumps({"id": name, "text": text}) + b"\n")


def _copy(workspace: Workspace, key: str) -> Path:
    copy = workspace.folder / key.replace("/", "-")
    workspace.store.get_file(key, copy, workspace.check)
    return copy


def _sha256(path: Path, workspace: Workspace) -> str:
    if not path.exists():
        raise ObjectNotFound(path.name)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**22):
            workspace.check()
            digest.update(chunk)
    return digest.hexdigest()
