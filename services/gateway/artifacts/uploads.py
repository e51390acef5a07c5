"""Uploads: the client puts the bytes into the store itself; the gateway says where, and checks they came.

uploads/<sha256>           a file, named by its content
uploads/open/<id>.json     an upload under way: the request it will become, and the store's own upload ids
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from services.gateway.views import DatasetTicket, FileTarget, PartTarget
from shared.contracts.base import Contract
from shared.contracts.datasets import IngestRequest, UploadedFile
from shared.contracts.jobs import JobRecord
from shared.contracts.problems import FieldError
from shared.errors import InvalidData, NotFound
from shared.identity import artifact_id
from shared.store.base import ObjectNotFound, ObjectStore

Role = Literal["file", "contexts"]


class UploadNotFound(NotFound):
    """There is no such upload. `POST /v1/datasets` starts one."""


class OpenUpload(Contract):
    request: IngestRequest
    parts: dict[str, str]
    """Role → the store's upload id, of the files that are being put."""


@dataclass(frozen=True)
class Uploads:
    """The uploads of one project. `expires`: how long the addresses it gives out are good for."""

    store: ObjectStore
    expires: timedelta

    def start(self, request: IngestRequest, before: JobRecord | None) -> DatasetTicket:
        """What is to be put where; nothing for files that the store has.

        `before`: the job of the same request, if there was one. Bytes whose digest it found to be wrong are
        thrown away.
        """
        targets, parts = [], {}
        for role, file in _files(request).items():
            if _was_another_file(role, before):
                self.store.delete(_key(file))
            if not self._is_there(file):
                ticket = self.store.start_upload(_key(file), file.bytes, self.expires)
                parts[role] = ticket.upload_id
                puts = [
                    PartTarget(number=part.number, offset=part.offset, bytes=part.bytes, url=part.url)
                    for part in ticket.parts
                ]
                targets.append(FileTarget(role=role, parts=puts))
        upload = new_upload()
        opened = OpenUpload(request=request, parts=parts)
        self.store.put(_open_key(upload), opened.model_dump_json().encode())
        return DatasetTicket(id=upload, dataset=artifact_id(request), uploads=targets, job=None)

    def finish(self, upload: str) -> IngestRequest:
        """Join the parts and check their size; the worker that reads the rows checks the digest.

        Raises `UploadNotFound`, `InvalidRequest` while parts are missing, `InvalidData` for a wrong size.
        """
        try:
            opened = OpenUpload.model_validate_json(self.store.get(_open_key(upload)))
        except ObjectNotFound as missing:
            raise UploadNotFound from missing
        for role, file in _files(opened.request).items():
            if not self._is_there(file) and role in opened.parts:
                self.store.finish_upload(_key(file), opened.parts[role])
            self._check_size(role, file)
        return opened.request

    def _is_there(self, file: UploadedFile) -> bool:
        found = self.store.head(_key(file))
        return found is not None and found.bytes == file.bytes

    def _check_size(self, role: Role, file: UploadedFile) -> None:
        found = self.store.head(_key(file))
        if found is None or found.bytes != file.bytes:
            self.store.delete(_key(file))
            came = found.bytes if found else 0
            detail = f"{came} bytes came where {file.bytes} were announced; start the upload again"
            raise InvalidData(detail, [FieldError(pointer=f"/{role}/bytes", detail=detail)])


def _files(request: IngestRequest) -> dict[Role, UploadedFile]:
    files: dict[Role, UploadedFile] = {"file": request.file}
    return files | {"contexts": request.contexts} if request.contexts else files


def _was_another_file(role: Role, before: JobRecord | None) -> bool:
    faults = before.error.errors if before and before.error else []
    return any(fault.pointer == f"/{role}/sha256" for fault in faults)


def new_upload() -> str:
    return f"upload-{secrets.token_hex(16)}"


def _key(file: UploadedFile) -> str:
    return f"uploads/{file.sha256}"


def _open_key(upload: str) -> str:
    return f"uploads/open/{upload}.json"
