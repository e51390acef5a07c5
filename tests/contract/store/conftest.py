"""Both adapters of the object store: a directory, and a real S3 server when `GAMUT_TEST_S3` names one.

GAMUT_TEST_S3 = http://<access key>:<secret key>@<host>:<port>
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.store.base import ObjectStore
from shared.store.local import LocalStore
from shared.store.prefixed import PrefixedStore


@pytest.fixture(scope="session")
def s3_bucket() -> ObjectStore:
    """A bucket of this session's own, on a real server."""
    address = os.environ.get("GAMUT_TEST_S3")
    if not address:
        pytest.skip("GAMUT_TEST_S3 names no S3 server")
    from shared.store.s3 import S3Store

    server = urlsplit(address)
    made = S3Store(
        f"{server.hostname}:{server.port}",
        server.username or "",
        server.password or "",
        f"test-{secrets.token_hex(6)}",
        secure=server.scheme == "https",
        parts_a_page=1,  # what takes a file of 64 GB elsewhere
    )
    made.make_bucket()
    return made


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "local":
        return LocalStore(tmp_path, "http://gateway.test", "a secret of the test's own")
    return PrefixedStore(request.getfixturevalue("s3_bucket"), secrets.token_hex(6))
