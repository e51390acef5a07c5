"""What somebody who means harm may send, and what becomes of it.

Templates: tests/unit/services/generator/strategies/test_prompts.py. Documents and their bombs:
tests/unit/services/gateway/documents/test_reading.py, tests/unit/services/metrics/ingestion/test_bombs.py.
Other projects: tests/unit/services/gateway/access/test_isolation.py.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import web
from fastapi.testclient import TestClient
from pydantic import ValidationError

from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from services.metrics.api import create_app as create_metrics
from services.metrics.settings import MetricsSettings
from services.trainer.models.resolving import Place, resolve
from services.trainer.settings import TrainerSettings
from shared.assembly import connect
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from shared.contracts.operations import OPERATIONS
from shared.errors import UnknownModel
from shared.store.local import LocalStore
from tests.integration.generator.conftest import Service, simulated_server
from tests.simulation.server import MODEL, Behaviour, SimulatedServer

ROOT = Path(__file__).resolve().parents[2]
URL = "http://gateway.test"
RELAYED = {"/v1/measure", "/v1/measure/files"}
"""Bodies that the gateway passes on unread, to the metrics service, which this suite lacks."""
ADDRESSES = ("http://169.254.169.254/latest", "file:///etc/passwd", "../../etc/passwd", "http://[::1]:6379")


@pytest.fixture
def client(redis_url: str, tmp_path: Path) -> Iterator[TestClient]:
    settings = GatewaySettings(
        redis_url=redis_url,  # type: ignore[arg-type]
        data_dir=tmp_path,
        public_url=URL,
        sources={"stories": {"model": "m"}},  # type: ignore[dict-item]
        models={"story-base": "/models/base"},
    )
    app = create_app(settings, connect(settings))
    with TestClient(app, base_url=URL, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("opening", ['{"a":', "["], ids=["objects", "lists"])
def test_json_that_is_nested_without_end_is_refused(client: TestClient, opening: str) -> None:
    body = opening * (2**19 // len(opening))
    paths = {path for path, item in client.get("/openapi.json").json()["paths"].items() if "post" in item}
    for path in paths - RELAYED:
        path = path.replace("{upload}", "upload-" + "0" * 32).replace("{job_id}", "job-" + "0" * 32)
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert 400 <= answer.status_code < 500, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("opening", ['{"a":', "["], ids=["objects", "lists"])
def test_the_metrics_service_refuses_it_too(opening: str) -> None:
    body = opening * (2**19 // len(opening))
    with TestClient(create_metrics(MetricsSettings()), raise_server_exceptions=False) as metrics:
        for path in RELAYED:
            answer = metrics.post(path, content=body, headers={"content-type": "application/json"})
            assert answer.status_code in (400, 422)
            assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_source_is_a_name_and_never_an_address(client: TestClient, address: str) -> None:
    for field in ({"name": address}, {"name": "stories", "base_url": address}):
        answer = client.post("/v1/topics", json={"source": field, "count": 1})
        assert answer.status_code == 422, answer.text


@pytest.mark.parametrize("address", [*ADDRESSES, "somebody/their-model", "/etc"])
def test_a_model_is_a_name_on_the_list(client: TestClient, address: str) -> None:
    dataset = "dataset-" + "0" * 32
    answer = client.post("/v1/trainings", json={"dataset": dataset, "base": address})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/base"


def test_no_request_has_a_field_for_an_address_or_a_path() -> None:
    """What a request names it names by id or by a name that the operator gave."""
    suspects = {"url", "uri", "path", "file_path", "base_url", "endpoint", "host", "callback", "webhook"}
    for request in OPERATIONS.values():
        schema = request.model_json_schema()
        models = [schema, *schema.get("$defs", {}).values()]
        named = {name for model in models for name in model.get("properties", {})}
        assert not named & suspects, request


def test_a_source_that_points_elsewhere_is_not_followed(local_store: LocalStore, redis_url: str) -> None:
    """A redirect from a source, to a cloud's metadata, say, is an answer like any other bad one."""
    with simulated_server(Behaviour(), Elsewhere) as inside, redirecting(inside.url) as url:
        worker = Service(
            local_store, redis_url, {"small": {"base_url": url, "model": MODEL, "revision": "1"}}
        )
        worker.patience = 1.0
        source = SourceRef(name="small", model=MODEL, revision="1")
        ended = worker.run(TopicsRequest(source=source, count=3, seed=1))
        assert ended.state is JobState.FAILED
        assert isinstance(inside.server, Elsewhere)
        assert inside.server.reached == 0


@pytest.mark.parametrize("name", ["somebody/their-model", "/etc", "../base", "story-base/../../etc"])
def test_nothing_is_fetched_for_a_name_that_is_not_on_the_list(
    name: str, local_store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*arguments: object, **options: object) -> None:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetched)
    with pytest.raises(UnknownModel, match="not a base this trainer may use"):
        resolve(Place(local_store, tmp_path), {"story-base": "nowhere/at-all"}, name, None)


def test_trust_remote_code_is_never_given() -> None:
    """In every file that loads something of transformers' by name it is said, and it is False."""
    files = [ROOT / path for path in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()]  # fmt: skip
    found = 0
    for path in files:
        if "tests" in path.parts or not path.exists():
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path
                found += 1
    assert found > 3


def test_a_source_in_the_settings_is_an_http_address() -> None:
    from services.generator.settings import GeneratorSettings

    for address in ("file:///etc/passwd", "gopher://x", "unix:///var/run/docker.sock"):
        with pytest.raises(ValidationError):
            GeneratorSettings(sources={"a": {"base_url": address, "model": "m"}})  # type: ignore[dict-item]
    assert TrainerSettings().models == {}  # nothing is allowed that nobody listed


class Elsewhere(SimulatedServer):
    """A server that nobody was told to ask."""

    reached = 0

    def app(self) -> web.Application:
        async def answer(request: web.Request) -> web.Response:
            self.reached += 1
            return web.Response(text="secret")

        application = web.Application()
        application.router.add_route("*", "/{path:.*}", answer)
        return application


@contextmanager
def redirecting(target: str) -> Iterator[str]:
    class Redirecting(SimulatedServer):
        def app(self) -> web.Application:
            async def answer(request: web.Request) -> web.Response:
                return web.Response(status=307, headers={"Location": f"{target}{request.path}"})

            application = web.Application()
            application.router.add_route("*", "/{path:.*}", answer)
            return application

    with simulated_server(Behaviour(), Redirecting) as simulated:
        yield simulated.url
