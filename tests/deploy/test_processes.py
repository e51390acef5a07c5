"""Every container starts something that exists, on a queue that exists, with variables that are settings."""

from __future__ import annotations

import importlib.util

import pytest

from shared.contracts.base import Queue
from tests.deploy.compose import NO_COMPOSE, PROFILES, compose_command, services
from tests.deploy.manifests import NO_RENDERER, OVERLAYS, environment, render, renderer, workloads
from tests.deploy.processes import SERVICES, Started, started, variables_read

QUEUES = {"gateway": "coordinate", "generator": "generate", "metrics": "measure", "trainer": "train"}
Container = tuple[str, Started, dict[str, str | None]]


def containers(deployment: str) -> list[Container]:
    """Our containers in one overlay or profile: name, what it starts, its variables."""
    way, name = deployment.split("/")
    if way == "k8s":
        if renderer() is None:
            pytest.skip(NO_RENDERER)
        found = [
            (w.name, started([*w.main.get("command", []), *w.main.get("args", [])], w.main["image"]), w)
            for w in workloads(render(name))
        ]
        return [(n, s, environment(w, render(name))) for n, s, w in found if s]
    if compose_command() is None:
        pytest.skip(NO_COMPOSE)
    read = [(n, started(s.get("command") or [], s["image"]), s) for n, s in services(name).items()]
    return [(n, s, dict(c["environment"])) for n, s, c in read if s]


DEPLOYMENTS = [f"k8s/{overlay}" for overlay in OVERLAYS] + [f"compose/{profile}" for profile in PROFILES]


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_what_is_started_exists(deployment: str) -> None:
    found = containers(deployment)
    for _, process, _ in found:
        assert importlib.util.find_spec(process.module), process.module
    assert {p.service for _, p, _ in found if p.module.endswith(".api")} == set(SERVICES)
    assert any(p.module == "services.gateway.reconciler" for _, p, _ in found)


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_every_queue_has_a_taker_and_every_taker_its_queue(deployment: str) -> None:
    taken = {(p.service, p.queue) for _, p, _ in containers(deployment) if p.queue}
    assert taken == set(QUEUES.items())
    assert {queue for _, queue in taken} == {queue.value for queue in Queue}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_every_variable_is_a_setting(deployment: str) -> None:
    """A name that no process reads is a typo, and passes silently otherwise."""
    every = set().union(*(variables_read(service) for service in SERVICES))
    for name, process, variables in containers(deployment):
        ours = {variable for variable in variables if variable.startswith("GAMUT_")}
        assert ours <= every, name
        own = ours - {
            v for _, other, vs in containers(deployment) if other.service != process.service for v in vs
        }
        assert own <= variables_read(process.service), name


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_what_the_store_and_the_queue_need_is_given(deployment: str) -> None:
    needed = {
        "GAMUT_STORE",
        "GAMUT_REDIS_URL",
        "GAMUT_S3_ENDPOINT",
        "GAMUT_S3_ACCESS_KEY",
        "GAMUT_S3_SECRET_KEY",
    }
    for name, _, variables in containers(deployment):
        assert needed <= set(variables), name
        assert variables["GAMUT_STORE"] == "s3"
