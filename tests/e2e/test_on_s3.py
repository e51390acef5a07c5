"""The same processes on an S3 store, by settings alone."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from embedded.demo import DATA, RECIPE, TEST
from embedded.suite import Suite, start, stop
from tests.deploy.stack import KeyedGateway
from tests.e2e.conftest import shrunk
from tests.ports import free_port

KEY = "gamut_" + secrets.token_urlsafe(32)


@pytest.fixture
def suite_on_s3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Suite]:
    address = os.environ.get("GAMUT_TEST_S3")
    if not address:
        pytest.skip("GAMUT_TEST_S3 names no S3 server")
    server = urlsplit(address)
    keys = tmp_path / "keys.json"
    digest = "sha256:" + hashlib.sha256(KEY.encode()).hexdigest()
    keys.write_text(json.dumps([{"digest": digest, "project": "default", "owner": "a test"}]))
    settings = {
        "STORE": "s3",
        "API_KEYS_FILE": str(keys),
        "S3_ENDPOINT": f"{server.hostname}:{server.port}",
        "S3_ACCESS_KEY": server.username or "",
        "S3_SECRET_KEY": server.password or "",
        "S3_BUCKET": f"suite-{secrets.token_hex(6)}",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"GAMUT_{name}", value)
    try:
        yield start(tmp_path, None, free_port(), lambda name: None)
    finally:
        stop(tmp_path)


@pytest.mark.s3
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_main_job_on_s3(suite_on_s3: Suite, tmp_path: Path) -> None:
    gateway = KeyedGateway(suite_on_s3.url, KEY)
    inputs = {"real": gateway.upload(DATA, "completion", {}), "test": gateway.upload(TEST, "completion", {})}
    recipe = shrunk(RECIPE, seed=3) | {
        "inputs": inputs,
        "sweep": {"level": [20], "reached": [0.5], "seed": [3]},
    }
    job = gateway.wait(gateway.post("/v1/experiments", recipe)["id"])
    assert (job["state"], job["error"]) == ("succeeded", None)
    page = gateway.download(job["artifact"], "report.html", tmp_path / "report.html").read_text()
    assert "<html" in page
    assert not (suite_on_s3.data_dir / "objects").exists()  # nothing went to the local store
