"""A large file through presigned parts, up and down: memory of the gateway's process before and at its most.

With an S3 server (`GAMUT_STORE=s3` and its other variables) no byte passes through the gateway; otherwise it
serves the embedded store's own addresses too, which is the harder case.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx

from benchmarks.gateway.listeners import free_port, megabytes, served
from services.gateway.access.keys import key_digest, new_key
from shared.settings import CommonSettings
from shared.store.opening import open_store

BLOCK = b'{"text": "' + b"0123456789abcdef" * 65_535 + b'"}\n'


def measure(environment: dict[str, str], size: int) -> tuple[float, float, int]:
    """(MB before, most MB at any time, bytes that came back). `size` is rounded down to whole rows."""
    rows = size // len(BLOCK)
    total = rows * len(BLOCK)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    key, keys = new_key(), Path(environment["GAMUT_DATA_DIR"]) / "keys.json"
    keys.write_text(json.dumps([{"digest": key_digest(key), "project": "default", "owner": "a benchmark"}]))
    settings = {"GAMUT_PUBLIC_URL": url, "GAMUT_API_KEYS_FILE": str(keys)}
    process = served("services.gateway.api:create_app", environment | settings, port)
    sha = hashlib.sha256()
    for _ in range(rows):
        sha.update(BLOCK)
    body = {"kind": "text", "file": {"sha256": sha.hexdigest(), "bytes": total, "format": "jsonl"}}
    try:
        with (
            httpx.Client(base_url=url, timeout=600, headers={"Authorization": f"Bearer {key}"}) as client,
            httpx.Client(timeout=600) as anybody,
        ):
            ticket = client.post("/v1/datasets", json=body).raise_for_status().json()
            before = megabytes(process.pid)
            for part in ticket["uploads"][0]["parts"]:
                content = _stretch(part["offset"], part["bytes"])
                headers = {"content-length": str(part["bytes"])}
                anybody.put(part["url"], content=content, headers=headers).raise_for_status()
            client.post(f"/v1/datasets/{ticket['id']}/complete").raise_for_status()
            came = _download(anybody, _address(environment, url, sha.hexdigest()))
        assert came == (total, sha.hexdigest())
        return before, megabytes(process.pid, "VmHWM"), total
    finally:
        process.terminate()
        process.wait()


def _stretch(offset: int, length: int) -> Iterator[bytes]:
    while length:
        start = offset % len(BLOCK)
        chunk = BLOCK[start : start + length]
        yield chunk
        offset, length = offset + len(chunk), length - len(chunk)


def _address(environment: dict[str, str], url: str, sha256: str) -> str:
    """What the API gives out for a part: an address of the store's, signed for this object."""
    settings = CommonSettings(data_dir=Path(environment["GAMUT_DATA_DIR"]), public_url=url)
    return open_store(settings).download_url(f"projects/default/uploads/{sha256}", timedelta(minutes=60))


def _download(client: httpx.Client, address: str) -> tuple[int, str]:
    """(bytes, SHA-256) of what came back."""
    came, sha = 0, hashlib.sha256()
    with client.stream("GET", address) as answer:
        answer.raise_for_status()
        for chunk in answer.iter_bytes():
            came += len(chunk)
            sha.update(chunk)
    return came, sha.hexdigest()
