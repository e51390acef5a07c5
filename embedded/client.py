"""The gateway's API as a script calls it: upload a file, post a request, follow a job, fetch a part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import httpx
from httpx_sse import connect_sse
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from shared.contracts.datasets import FILE_ENDINGS, format_of

ENDED = {"succeeded", "partially_succeeded", "failed", "cancelled"}
Json = dict[str, Any]


class Refused(Exception):
    """The suite answered with a problem: what is wrong, where, and what to do."""

    def __init__(self, problem: Json) -> None:
        lines = [str(problem.get("detail", problem))]
        for error in problem.get("errors", [])[:10]:
            line = f" (line {error['line']})" if error.get("line") else ""
            lines.append(f"  {error['pointer']}{line}: {error['detail']}")
        super().__init__("\n".join(lines))
        self.problem = problem


class Unavailable(Refused):
    """503: what the gateway itself needs does not answer at the moment."""


PATIENTLY = retry(
    retry=retry_if_exception_type((httpx.TransportError, Unavailable)),
    wait=wait_fixed(0.5),
    stop=stop_after_delay(60),
    reraise=True,
)
"""A gateway that is being restarted is back in seconds, and so is a store."""


class GatewayClient:
    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=httpx.Timeout(60, connect=5))

    @PATIENTLY
    def get(self, path: str) -> Any:
        return _checked(self._http.get(path)).json()

    @PATIENTLY
    def post(self, path: str, body: Json) -> Json:
        """Safe to repeat: the same request finds the same job."""
        return dict(_checked(self._http.post(path, json=body)).json())

    def upload(self, path: Path, kind: str, columns: Json, contexts: Path | None = None) -> str:
        """The dataset that the file's rows make. The same file again costs a digest and no transfer."""
        files = {"file": path} | ({"contexts": contexts} if contexts else {})
        body: Json = {"kind": kind, "columns": columns}
        ticket = self.post("/v1/datasets", body | {role: _described(file) for role, file in files.items()})
        for upload in ticket["uploads"]:
            self._put_parts(files[upload["role"]], upload["parts"])
        job = ticket["job"] or self.post(f"/v1/datasets/{ticket['id']}/complete", {})
        ended = self.wait(job["id"])
        if ended["state"] != "succeeded":
            raise Refused(ended["error"] or {"detail": f"reading {path.name} ended {ended['state']}"})
        return str(ended["artifact"])

    def wait(self, job_id: str) -> Json:
        """The job, once it has ended or waits for a person."""
        while True:
            job: Json = self.get(f"/v1/jobs/{job_id}/wait?timeout=20")
            if job["state"] in {*ENDED, "paused"}:
                return job

    def events(self, job_id: str) -> Iterator[tuple[str, Json]]:
        """(event, data) as the job goes on, from how it stands now to its end, or until the line breaks."""
        endless = httpx.Timeout(60, read=60)  # the gateway pings more often than that
        try:
            with connect_sse(self._http, "GET", f"/v1/jobs/{job_id}/events", timeout=endless) as source:
                _checked(source.response)
                for event in source.iter_sse():
                    if event.data:  # the first one only says how soon to come back
                        yield event.event, event.json()
        except httpx.TransportError:
            return

    def download(self, artifact: str, part: str, target: Path) -> Path:
        with self._http.stream(
            "GET", f"/v1/artifacts/{artifact}/parts/{part}", follow_redirects=True
        ) as answer:
            _checked(answer)
            with target.open("wb") as file:
                for chunk in answer.iter_bytes():
                    file.write(chunk)
        return target

    def _put_parts(self, path: Path, parts: list[Json]) -> None:
        with path.open("rb") as file:
            for part in parts:
                file.seek(part["offset"])
                length = {"Content-Length": str(part["bytes"])}
                _checked(
                    httpx.put(part["url"], content=_stretch(file, part["bytes"]), headers=length, timeout=600)
                )


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code >= 400:
        answer.read()
        raise (Unavailable if answer.status_code == 503 else Refused)(
            answer.json() if "json" in answer.headers.get("content-type", "") else {"detail": answer.text}
        )
    return answer


def _described(path: Path) -> Json:
    announced = format_of(path.name)
    if announced is None:
        raise Refused({"detail": f"{path.name}: the name must end in one of {', '.join(FILE_ENDINGS)}"})
    with path.open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": sha, "bytes": path.stat().st_size, "format": announced}


def _stretch(file: BinaryIO, length: int) -> Iterator[bytes]:
    while length > 0 and (chunk := file.read(min(length, 2**20))):
        length -= len(chunk)
        yield chunk
