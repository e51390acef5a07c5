"""The `ingest` operation: an uploaded file becomes a dataset artifact."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from services.metrics.ingestion.canonical import ContextShelf, RowMaker, context_of
from services.metrics.ingestion.faults import Faults
from services.metrics.ingestion.forms import FileForm, most_unpacked, recognised
from services.metrics.ingestion.readers import records_of
from services.metrics.ingestion.records import Fault, FileRecord, UnreadableRest
from shared.contracts.datasets import DatasetKind, DatasetSummary, IngestRequest, UploadedFile
from shared.contracts.problems import FieldError
from shared.datasets import CONTEXTS, ROWS, Row, is_empty
from shared.errors import InputMissing, InvalidData, InvalidRequest
from shared.jobs.workspace import Workspace
from shared.store.base import ObjectNotFound

CHECK_ROWS = 500


def ingest(request: IngestRequest, workspace: Workspace) -> DatasetSummary:
    """Read the upload once and write its rows. Any fault refuses the whole file, with every kind of fault.

    Raises InvalidData (naming up to 100 kinds of faults), InputMissing when the upload is not there, and
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
        maker = RowMaker(request.kind, request.columns, shelf, request.ids)
        rows = empty = 0
        size = Unpacked(request.file)
        form = _recognised(parts, fetch(request.file, workspace, "/file"), request.file, faults)
        for row in _rows(form, maker, faults, workspace):
            size.add(rows_file.write(orjson.dumps(row) + b"\n"))
            rows += 1
            empty += is_empty(request.kind, row)
        faults.raise_any("/file")
        if rows == 0:
            raise InvalidData(
                "The file holds no rows: upload a file with at least one.",
                [FieldError(pointer="/file", detail="no rows")],
            )
    found: dict[str, Any] = {"taken_for": _taken_for(form, maker)}
    if request.kind is DatasetKind.QA:
        found["contexts"] = len(shelf)
    if empty:
        found["empty"] = empty
    if maker.left_out:
        found["left_out"] = maker.left_out
    return DatasetSummary(kind=request.kind, rows=rows, **found)


def _taken_for(form: FileForm | None, maker: RowMaker) -> str:
    assert form is not None
    told = f"{form.said} of {maker.layout}" if maker.layout else form.said
    return f"{told}, compressed with {form.packed}" if form.packed else told


class Unpacked:
    """Bytes that a file's rows take, which are many more than the file's where texts repeat."""

    def __init__(self, file: UploadedFile) -> None:
        self._most = most_unpacked(file.bytes)
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


def _recognised(parts: ExitStack, path: Path, file: UploadedFile, faults: Faults) -> FileForm | None:
    """What the file is; None, and a fault, for what is none of ours."""
    try:
        return parts.enter_context(recognised(path, file.format))
    except UnreadableRest as stop:
        faults.add(stop.fault)
        return None


def _rows(form: FileForm | None, maker: RowMaker, faults: Faults, workspace: Workspace) -> Iterator[Row]:
    """The good rows of the file."""
    for record in _records(form, faults):
        if record.number % CHECK_ROWS == 0:
            workspace.progress(record.number, None, "rows", note="reading the upload", failed=faults.count)
        made = maker.row(record)
        if isinstance(made, dict):
            yield made
        else:
            faults.add(*made)


def _records(form: FileForm | None, faults: Faults) -> Iterator[FileRecord]:
    if form is None:
        return
    try:
        for found in records_of(form):
            if isinstance(found, FileRecord):
                yield found
            else:
                faults.add(found)
    except UnreadableRest as stop:
        faults.add(stop.fault)


def _read_contexts(path: Path, file: UploadedFile, shelf: ContextShelf, faults: Faults) -> None:
    with ExitStack() as opened:
        for record in _records(_recognised(opened, path, file, faults), faults):
            made = context_of(record)
            if isinstance(made, list):
                faults.add(*made)
            elif not shelf.shelve(*made):
                detail = f"context {made[0][:80]!r} had another text before"
                faults.add(Fault(record.number, record.line, "context_id", detail, "two contexts"))
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
