"""What every script here begins with: the generated client, an upload, and a wait with a progress bar.

make up && make clients
GAMUT_URL  the gateway, http://127.0.0.1:8000      GAMUT_KEY  an API key, where the gateway asks for one
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import httpx
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python"))

from gamut_gateway import AuthenticatedClient
from gamut_gateway.api.artifacts import download_part
from gamut_gateway.api.datasets import complete_dataset, create_dataset
from gamut_gateway.api.jobs import wait_for_job
from gamut_gateway.models import IngestRequest, Job, Problem, UploadedFile

UNDER_WAY = {"queued", "running", "cancelling"}


def connect() -> AuthenticatedClient:
    """The client. An embedded suite asks for no key and does not look at the one that is sent."""
    url = os.environ.get("GAMUT_URL", "http://127.0.0.1:8000")
    key = os.environ.get("GAMUT_KEY", "none")
    return AuthenticatedClient(base_url=url, token=key, timeout=httpx.Timeout(60))


def answered(answer: Any) -> Any:
    """The answer; ends the script with what is wrong, where and what to do when it is a problem."""
    if isinstance(answer, Problem):
        faults = [f"  {fault.pointer}: {fault.detail}" for fault in answer.errors or []]
        sys.exit("\n".join([answer.detail, *faults]))
    assert answer is not None
    return answer


def upload(client: AuthenticatedClient, path: Path, kind: str = "completion") -> str:
    """The dataset that the file's rows make. The bytes go to the object store itself."""
    data = path.read_bytes()
    file = UploadedFile(hashlib.sha256(data).hexdigest(), len(data), path.suffix[1:])
    body = IngestRequest(kind=kind, file=file)
    ticket = answered(create_dataset.sync(client=client, body=body))
    for part in (part for target in ticket.uploads for part in target.parts):
        httpx.put(part.url, content=data[part.offset : part.offset + part.bytes_]).raise_for_status()
    return made(client, ticket.job or answered(complete_dataset.sync(ticket.id, client=client)), path.name)


def made(client: AuthenticatedClient, job: Job, label: str) -> str:
    """The artifact that the job makes, waited for with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bars:
        bar = bars.add_task(label, total=None)
        while job.state in UNDER_WAY:
            job = answered(wait_for_job.sync(job.id, client=client, timeout=1))
            if job.progress:
                note = f"{label} ({job.progress.unit or job.state})"
                bars.update(bar, description=note, completed=job.progress.done, total=job.progress.total)
        bars.update(bar, description=f"{label}: {job.state}")
    if job.state != "succeeded" or not job.artifact:
        sys.exit(f"{label} ended {job.state}: {job.error.detail if job.error else job.reason}")
    return job.artifact


def part(client: AuthenticatedClient, artifact: str, name: str) -> bytes:
    """One part of an artifact, from the object store that the gateway points to."""
    answer = download_part.sync_detailed(artifact, name, client=client)
    answered(answer.parsed if answer.status_code != 307 else answer)
    return httpx.get(answer.headers["location"]).raise_for_status().content
