"""Any S3 server as the object store, through the `minio` client.

Conditional puts and multipart uploads go over presigned addresses: minio-py 7.2 turns an `If-None-Match`
given as metadata into user metadata, which would make the put silently unconditional.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from shared.errors import InvalidRequest, StoreUnavailable
from shared.store.base import (
    ObjectInfo,
    ObjectNotFound,
    UploadPart,
    UploadTicket,
    check_key,
    part_ranges,
    write_file,
)

_MISSING = ("NoSuchKey", "NoSuchObject", "NoSuchBucket")
_CHUNK = 2**20
_SHORT = timedelta(minutes=5)
Query = dict[str, str | list[str] | tuple[str]]


class S3Store:
    """`public_endpoint` is the address that clients outside the cluster reach the same server by."""

    def __init__(
        self,
        endpoint: str,
        access_key: str,
        secret_key: str,
        bucket: str,
        *,
        secure: bool,
        region: str = "us-east-1",
        public_endpoint: str | None = None,
        public_secure: bool | None = None,
        parts_a_page: int = 1000,
    ) -> None:
        self._bucket = bucket
        self._parts_a_page = str(parts_a_page)
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5, read=60),
            maxsize=16,
            retries=urllib3.Retry(3, backoff_factor=0.2),
        )
        self._client = Minio(
            endpoint, access_key, secret_key, secure=secure, region=region, http_client=self._http
        )
        # Signing needs no connection, so the address it signs for need not be reachable from here.
        self._signer = Minio(
            public_endpoint or endpoint,
            access_key,
            secret_key,
            secure=secure if public_secure is None else public_secure,
            region=region,
        )

    def make_bucket(self) -> None:
        with _translated(self._bucket):
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)

    def get(self, key: str) -> bytes:
        return b"".join(self.stream(key))

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        with _translated(key):
            response = self._client.get_object(self._bucket, check_key(key), offset, length or 0)
        return _drain(response, key)

    def get_file(self, key: str, path: Path, check: Callable[[], None] | None = None) -> None:
        write_file(self.stream(key), path, check)

    def put(self, key: str, data: bytes, media_type: str = "application/octet-stream") -> None:
        self._send("PUT", key, data, headers={"Content-Type": media_type})

    def put_file(self, key: str, path: Path, media_type: str = "application/octet-stream") -> None:
        with _translated(key):
            self._client.fput_object(self._bucket, check_key(key), str(path), content_type=media_type)

    def put_if_absent(self, key: str, data: bytes, media_type: str = "application/json") -> bool:
        response = self._send(
            "PUT", key, data, headers={"Content-Type": media_type, "If-None-Match": "*"}, allow=(409, 412)
        )
        return int(response.status) == 200

    def head(self, key: str) -> ObjectInfo | None:
        try:
            with _translated(key):
                found = self._client.stat_object(self._bucket, check_key(key))
        except ObjectNotFound:
            return None
        return ObjectInfo(key, int(found.size or 0), found.last_modified)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        with _translated(prefix):
            for found in self._client.list_objects(self._bucket, prefix=prefix, recursive=True):
                yield ObjectInfo(str(found.object_name), int(found.size or 0), found.last_modified)

    def delete(self, key: str) -> None:
        with _translated(key):
            self._client.remove_object(self._bucket, check_key(key))

    def local_path(self, key: str) -> Path | None:
        return None

    def start_upload(self, key: str, size: int, expires: timedelta) -> UploadTicket:
        answer = self._send("POST", key, query={"uploads": ""})
        upload_id = _text(answer.data, "UploadId")
        parts = tuple(
            UploadPart(
                number,
                offset,
                length,
                self._sign(self._signer, "PUT", key, expires, _part(upload_id, number)),
            )
            for number, offset, length in part_ranges(size)
        )
        return UploadTicket(upload_id, parts)

    def finish_upload(self, key: str, upload_id: str) -> None:
        order = ElementTree.Element("CompleteMultipartUpload")
        for put in self._parts(key, upload_id):
            part = ElementTree.SubElement(order, "Part")
            for name in ("PartNumber", "ETag"):
                ElementTree.SubElement(part, name).text = _text(put, name)
        if not len(order):
            raise InvalidRequest("no part was put yet; put the parts and call this again")
        self._send("POST", key, ElementTree.tostring(order), query={"uploadId": upload_id})

    def _parts(self, key: str, upload_id: str) -> Iterator[ElementTree.Element]:
        """The parts that were put, in their order; a server lists at most 1,000 of them at a time."""
        after: str | None = "0"
        while after is not None:
            query: Query = {
                "uploadId": upload_id,
                "max-parts": self._parts_a_page,
                "part-number-marker": after,
            }
            listed = self._send("GET", key, query=query, allow=(404,))
            if listed.status == 404:
                raise InvalidRequest("no such upload is open: start it again")
            page = ElementTree.fromstring(listed.data)
            yield from page.findall("{*}Part")
            goes_on = _text(page, "IsTruncated") == "true"
            after = _text(page, "NextPartNumberMarker") if goes_on else None

    def abort_upload(self, key: str, upload_id: str) -> None:
        self._send("DELETE", key, query={"uploadId": upload_id}, allow=(404,))

    def download_url(self, key: str, expires: timedelta) -> str:
        return self._sign(self._signer, "GET", key, expires)

    def _sign(
        self, client: Minio, method: str, key: str, expires: timedelta, query: Query | None = None
    ) -> str:
        return client.get_presigned_url(
            method, self._bucket, check_key(key), expires=expires, extra_query_params=query
        )

    def _send(
        self,
        method: str,
        key: str,
        body: bytes = b"",
        *,
        query: Query | None = None,
        headers: dict[str, str] | None = None,
        allow: tuple[int, ...] = (),
    ) -> urllib3.BaseHTTPResponse:
        url = self._sign(self._client, method, key, _SHORT, query)
        with _translated(key):
            response = self._http.request(method, url, body=body, headers=headers)
        if response.status >= 300 and response.status not in allow:
            raise StoreUnavailable(f"the object store answered {response.status} to {method} {key}")
        return response


def _part(upload_id: str, number: int) -> Query:
    return {"uploadId": upload_id, "partNumber": str(number)}


def _text(xml: bytes | ElementTree.Element, name: str) -> str:
    root = ElementTree.fromstring(xml) if isinstance(xml, bytes) else xml
    return root.findtext(f"{{*}}{name}") or ""


def _drain(response: Any, key: str) -> Iterator[bytes]:
    try:
        with _translated(key):
            yield from response.stream(_CHUNK)
    finally:
        response.close()
        response.release_conn()


@contextmanager
def _translated(key: str) -> Iterator[None]:
    """Turn the client's errors into ours, in the one place that knows both."""
    try:
        yield
    except S3Error as error:
        if error.code in _MISSING:
            raise ObjectNotFound(f"no object {key}") from error
        raise StoreUnavailable(f"the object store refused {key}: {error.code}") from error
    except (MinioException, urllib3.exceptions.HTTPError) as error:
        raise StoreUnavailable(f"the object store does not answer: {type(error).__name__}") from error
