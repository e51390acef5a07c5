"""Who runs as whom, what may be written, what is pinned, and that no secret is in the repository."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.deploy.compose import (
    NO_COMPOSE,
    PROFILES,
    SECRETS,
    compose_command,
    example,
    read_compose,
    services,
)
from tests.deploy.manifests import K8S, Manifest, named, workloads
from tests.deploy.processes import SERVICES, started

ROOT = Path(__file__).resolve().parents[2]
WRITES_ITS_ROOT = {"source": "vLLM compiles kernels into its own folders"}


def test_no_pod_runs_as_root_or_gains_anything(manifests: tuple[Manifest, ...]) -> None:
    for workload in workloads(manifests):
        context, own = workload.spec["securityContext"], workload.main["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] >= 999
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        if "vllm" not in workload.main["image"]:
            assert own["readOnlyRootFilesystem"] is True
        # A token only where there is an account that may do one thing with it.
        assert workload.spec["automountServiceAccountToken"] is ("serviceAccountName" in workload.spec)


def test_every_container_says_what_it_takes(manifests: tuple[Manifest, ...]) -> None:
    for workload in workloads(manifests):
        resources = workload.main["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]), workload.name
        assert "memory" in resources["limits"], workload.name


def test_a_gpu_is_asked_for_where_it_is_used(manifests: tuple[Manifest, ...]) -> None:
    for workload in workloads(manifests):
        uses = "vllm" in workload.main["image"] or "cuda" in workload.main["image"]
        assert ("nvidia.com/gpu" in workload.main["resources"]["limits"]) == uses, workload.name


def test_what_a_gpu_worker_compiles_it_may_load() -> None:
    """Docker mounts a tmpfs `noexec`; FlexAttention's launchers are compiled into it."""
    if compose_command() is None:
        pytest.skip(NO_COMPOSE)
    worker = services("gpu")["trainer-worker-gpu"]
    assert any(re.fullmatch(r"/tmp:.*\bexec\b.*", mount) for mount in worker["tmpfs"])
    dockerfile = (ROOT / "services/trainer/Dockerfile").read_text()
    kept = re.search(r"TRITON_CACHE_DIR=(\S+)", dockerfile)
    assert kept is not None
    assert kept[1].startswith("/tmp/")


def test_no_manifest_carries_a_secret(manifests: tuple[Manifest, ...]) -> None:
    assert named(manifests, "Secret") == {}
    for workload in workloads(manifests):
        for variable in workload.main.get("env", []):
            if re.search(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|AUTH$", variable["name"]):
                assert "secretKeyRef" in variable["valueFrom"], variable["name"]


def test_every_image_is_pinned_and_the_same_everywhere(manifests: tuple[Manifest, ...]) -> None:
    if compose_command() is None:
        pytest.skip(NO_COMPOSE)
    composed = {_name(s["image"]): s["image"] for profile in PROFILES for s in services(profile).values()}
    for workload in workloads(manifests):
        image = workload.main["image"]
        assert re.search(r":(v?\d|RELEASE\.\d)", image), image
        assert composed[_name(image)] == image


def test_the_examples_of_secrets_are_empty() -> None:
    assert all(example()[name] == "" for name in SECRETS)
    lines = (K8S / "secrets.env.example").read_text().splitlines()
    assert all(line.endswith("=") for line in lines if line and not line.startswith("#"))


def test_secrets_once_filled_in_are_not_committed() -> None:
    ignored = subprocess.run(
        ["git", "check-ignore", ".env", "sources.env", "keys.json", "k8s/secrets.env"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert ignored == [".env", "sources.env", "keys.json", "k8s/secrets.env"]


@pytest.mark.parametrize("missing", SECRETS)
def test_compose_starts_nothing_without_a_secret_and_names_it(missing: str) -> None:
    if compose_command() is None:
        pytest.skip(NO_COMPOSE)
    given = {name: "given" for name in SECRETS if name != missing}
    answer = read_compose(example(**given), "config")
    assert answer.returncode != 0
    assert missing in answer.stderr
    assert "set " + missing in answer.stderr


@pytest.mark.parametrize("profile", PROFILES)
def test_composed_containers_are_held_as_tight_as_pods(profile: str) -> None:
    if compose_command() is None:
        pytest.skip(NO_COMPOSE)
    for name, service in services(profile).items():
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "privileged" not in service
        assert service["mem_limit"], name
        assert "stop_grace_period" in service or name == "bucket", name
        if not name.startswith("vllm"):
            assert service["cap_drop"] == ["ALL"], name
            assert service["read_only"] is True, name
        for port in service.get("ports", []):
            assert port["host_ip"] == "127.0.0.1", "nothing is published to the network unless asked for"


@pytest.mark.parametrize("profile", PROFILES)
def test_what_keeps_data_keeps_it_in_a_named_volume(profile: str) -> None:
    if compose_command() is None:
        pytest.skip(NO_COMPOSE)
    found = services(profile)
    assert [v["source"] for v in found["redis"]["volumes"]] == ["redis"]
    assert [v["source"] for v in found["object-store"]["volumes"]] == ["objects"]
    for service in found.values():
        assert all(volume["type"] == "volume" for volume in service.get("volumes", []))


@pytest.mark.parametrize("profile", PROFILES)
def test_what_waits_for_another_waits_until_it_is_healthy(profile: str) -> None:
    if compose_command() is None:
        pytest.skip(NO_COMPOSE)
    found = services(profile)
    for name, service in found.items():
        if started(service.get("command") or [], service["image"]):
            conditions = {other: how["condition"] for other, how in service["depends_on"].items()}
            assert conditions == {"redis": "service_healthy", "bucket": "service_completed_successfully"}, (
                name
            )
        for other, how in (service.get("depends_on") or {}).items():
            if how["condition"] == "service_healthy":
                assert "test" in found[other]["healthcheck"], other
    assert any("source" in _aliases(service) for service in found.values()) == (profile != "own")


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_runs_as_nobody_and_takes_its_base_as_an_argument(service: str) -> None:
    text = (ROOT / "services" / service / "Dockerfile").read_text()
    base = re.search(r"^ARG BASE_IMAGE=python:3\.11\.\d+-slim-bookworm$", text, re.M)
    assert base
    assert set(re.findall(r"^FROM (\S+)", text, re.M)) == {"${BASE_IMAGE}", "build", "scratch"}
    last = text.rsplit("FROM ", 1)[1]
    assert re.search(r"^USER 10001:10001$", last, re.M)
    assert re.search(r"^HEALTHCHECK ", last, re.M)
    assert "-c constraints.txt" in text
    copied = set(re.findall(r"^COPY (services/\w+)/ ", text, re.M))
    assert copied == {f"services/{service}"}


def test_compose_and_the_images_name_one_base() -> None:
    text = (ROOT / "compose.yaml").read_text()
    default = yaml.safe_load(text)["x-build"]["args"]["BASE_IMAGE"].split(":-")[1].rstrip("}")
    for service in SERVICES:
        assert f"ARG BASE_IMAGE={default}\n" in (ROOT / "services" / service / "Dockerfile").read_text()


def _name(image: str) -> str:
    return image.rsplit(":", 1)[0]


def _aliases(service: Manifest) -> list[str]:
    network = (service.get("networks") or {}).get("default") or {}
    return list(network.get("aliases") or [])
