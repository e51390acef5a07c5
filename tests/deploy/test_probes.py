"""Every path that something outside asks for is a route of the app that answers there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from tests.deploy.compose import NO_COMPOSE, compose_command, services
from tests.deploy.manifests import NO_RENDERER, OVERLAYS, named, render, renderer, selects, workloads
from tests.deploy.processes import SERVICES

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = {  # paths of servers that are not ours, as their own documents give them
    "vllm": {"/health", "/metrics", "/v1/models"},
    "object-store": {"/minio/health/live", "/minio/health/ready"},
}


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> dict[str, set[str]]:
    """The paths of each service's app, made as its process makes it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GAMUT_REDIS_URL", redis_server)
        environment.setenv("GAMUT_DATA_DIR", str(tmp_path_factory.mktemp("store")))
        return _routes()


def _routes() -> dict[str, set[str]]:
    found = dict(FOREIGN)
    for service in SERVICES:
        app = importlib.import_module(f"services.{service}.api").create_app()
        found[service] = set(app.openapi()["paths"])
    server = (ROOT / "standin" / "server" / "api.py").read_text()
    found["stand-in"] = set(re.findall(r'@\w+\.get\("([^"]+)"', server))
    return found


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_probe_hits_a_route(overlay: str, routes: dict[str, set[str]]) -> None:
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    asked = 0
    for workload in workloads(render(overlay)):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            if path := workload.main.get(probe, {}).get("httpGet", {}).get("path"):
                asked += 1
                assert path in routes[workload.labels["app.kubernetes.io/name"]], workload.name
    assert asked >= 15


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_scrape_hits_a_route(overlay: str, routes: dict[str, set[str]]) -> None:
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    manifests = render(overlay)
    for monitor in named(manifests, "ServiceMonitor").values():
        for service in named(manifests, "Service").values():
            labels = service["metadata"].get("labels", {})
            if selects(monitor["spec"]["selector"], labels):
                paths = {endpoint["path"] for endpoint in monitor["spec"]["endpoints"]}
                assert paths <= routes[labels["app.kubernetes.io/name"]]


def test_every_health_check_hits_a_route(routes: dict[str, set[str]]) -> None:
    for service in SERVICES:
        text = (ROOT / "services" / service / "Dockerfile").read_text()
        assert set(re.findall(r"127\.0\.0\.1:8000(/[\w/]+)", text)) == {"/health"}
    if compose_command() is None:
        pytest.skip(NO_COMPOSE)
    for profile, server in (("demo", "stand-in"), ("cpu", "vllm"), ("gpu", "vllm")):
        for name, service in services(profile).items():
            words = " ".join(service.get("healthcheck", {}).get("test") or [])
            if path := re.search(r"127\.0\.0\.1:8000(/[\w/]+)", words):
                assert path[1] in routes[server], name
