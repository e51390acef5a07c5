"""A study, posted for a project of its own, and all that comes of it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import httpx
from tenacity import Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_fixed

from embedded.client import ENDED, Json, Refused
from embedded.demo import DATA, TEST
from embedded.processes import STAND_IN, Additions
from embedded.suite import Suite, start, stop
from services.gateway.keeping.checking import Checked, check_store
from shared.artifacts import find_manifest, project_store
from shared.jobs.records import JobRecords
from shared.settings import CommonSettings
from shared.store.base import ObjectStore
from shared.store.opening import open_store
from tests.chaos.payments import Payments
from tests.deploy.stack import KeyedGateway
from tests.ports import free_port
from tests.simulation.serving import serving

LONGEST_SECONDS = 3600.0
SEED = 7
Made = dict[str, dict[str, str]]
"""Artifact → part → SHA-256 of its bytes."""


@dataclass
class Watched:
    """A suite with a relay before its source that counts what is paid. `keys`: project → API key."""

    suite: Suite
    payments: Payments
    store: ObjectStore
    keys: dict[str, str] = field(default_factory=dict)

    def gateway(self, project: str) -> KeyedGateway:
        return KeyedGateway(self.suite.url, self.keys[project])

    def posted(self, project: str, recipe: Json) -> Json:
        gateway = self.gateway(project)
        inputs = {
            "real": gateway.upload(DATA, "completion", {}),
            "test": gateway.upload(TEST, "completion", {}),
        }
        self.payments.answers.clear()
        return gateway.post("/v1/experiments", recipe | {"inputs": inputs})

    def ended(self, project: str, job: Json) -> Json:
        """The job once it has ended; whatever happens to the gateway meanwhile, it is asked again."""
        gateway = self.gateway(project)
        patiently = Retrying(
            retry=retry_if_exception_type((httpx.HTTPError, Refused, ValueError))
            | retry_if_result(lambda found: found["state"] not in ENDED),
            wait=wait_fixed(0.5),
            stop=stop_after_delay(LONGEST_SECONDS),
            reraise=True,
        )
        found: Json = patiently(gateway.get, f"/v1/jobs/{job['id']}/wait?timeout=5")
        return found

    def made(self, project: str) -> Made:
        """Every artifact of the project by the digests of its parts."""
        corner = project_store(self.store, project)
        found = [
            key.key.split("/")[1] for key in corner.list("artifacts/") if key.key.endswith("manifest.json")
        ]
        manifests = [manifest for name in found if (manifest := find_manifest(corner, name))]
        assert len(manifests) == len(found)
        return {manifest.id: {part.name: part.sha256 for part in manifest.parts} for manifest in manifests}

    def failures(self, project: str) -> list[str]:
        """What the jobs say that failed at any time, or have not ended."""
        records = JobRecords(self.store)
        histories = [records.history(job.id) for job in records.all() if job.project == project]
        return [
            f"{job.operation} {job.id}: {state.state} {state.reason}"
            for states in histories
            for job, state in ((states[-1], state) for state in states)
            if state.state == "failed" or (state is states[-1] and state.state != "succeeded")
        ]

    def damage(self) -> list[str]:
        """What does not have the bytes that its manifest says."""
        return [str(found) for found in check_store(self.store, Checked(), aside=False)]


@contextmanager
def watched(
    folder: Path, projects: tuple[str, ...], more: Mapping[str, str] | None = None
) -> Iterator[Watched]:
    """A whole suite. `more` are variables of its processes' environment."""
    keys = {project: f"gamut_{secrets.token_urlsafe(32)}" for project in projects}
    digests = {project: hashlib.sha256(key.encode()).hexdigest() for project, key in keys.items()}
    told = [
        {"digest": f"sha256:{digest}", "project": project, "owner": "a test"}
        for project, digest in digests.items()
    ]
    (folder / "keys.json").write_text(json.dumps(told))
    payments = Payments()
    with serving(payments.app()) as address:
        source = {"base_url": f"{address}/v1", "model": "story-generator", "api": "completions"}
        environment = {"GAMUT_API_KEYS_FILE": str(folder / "keys.json"), **(more or {})}
        with mock.patch.dict(os.environ, environment):
            suite = start(folder, None, free_port(), lambda name: None, Additions({STAND_IN: source}))
        payments.source = f"http://127.0.0.1:{suite.ports.source}"
        settings = {name.removeprefix("GAMUT_").lower(): value for name, value in environment.items()}
        common = {name: value for name, value in settings.items() if name in CommonSettings.model_fields}
        try:
            yield Watched(suite, payments, open_store(CommonSettings(data_dir=folder, **common)), keys)  # type: ignore[arg-type]
        finally:
            stop(folder)
