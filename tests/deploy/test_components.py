"""Pieces that no overlay of ours takes, put together as docs/deployment.md says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from tests.deploy.custom_kinds import compiler, faults
from tests.deploy.manifests import K8S, NO_RENDERER, Manifest, build, named, render, renderer, workloads
from tests.deploy.test_schemas import NOT_INSTALLED


def composed(folder: Path, overlay: str, leave: str, take: list[str]) -> tuple[Manifest, ...]:
    """The overlay with a component left out and others taken, in a folder of somebody's own."""
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    source = K8S / "overlays" / overlay
    kustomization = yaml.safe_load((source / "kustomization.yaml").read_text())
    paths = [path for path in kustomization["components"] if Path(path).name != leave]
    taken = [f"../../components/{name}" for name in take]
    keda = paths.index("../../components/keda")  # its copies of the pods are to have what is taken
    kustomization["components"] = [*paths[:keda], *taken, *paths[keda:]]
    for field in ("resources", "components"):
        kustomization[field] = [os.path.relpath(source / path, folder) for path in kustomization[field]]
    for name in ("namespace.yaml", "external-store.yaml", "settings.env"):
        (folder / name).write_text((source / name).read_text())
        kustomization["resources"] = [
            name if Path(path).name == name else path for path in kustomization["resources"]
        ]
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return build(folder)


def test_a_route_of_gateway_api_leads_to_the_gateway(tmp_path: Path) -> None:
    manifests = composed(tmp_path, "gpu", "ingress", ["gateway-api"])
    assert named(manifests, "Ingress") == {}
    route = named(manifests, "HTTPRoute")["gateway"]
    for rule in route["spec"]["rules"]:
        for backend in rule["backendRefs"]:
            service = named(manifests, "Service")[backend["name"]]
            assert backend["port"] in {port["port"] for port in service["spec"]["ports"]}
    if compiler() is None:
        pytest.skip(NOT_INSTALLED)
    (tmp_path / "types").mkdir()
    assert faults([route], tmp_path / "types") == ""


def test_a_type_of_gpu_reaches_the_pods_that_ask_for_one(tmp_path: Path) -> None:
    manifests = composed(tmp_path, "gpu", "", ["gpu-types"])
    asking = {w.name: w for w in workloads(manifests) if "nvidia.com/gpu" in w.main["resources"]["limits"]}
    assert set(asking) == {"source", "trainer-worker", "trainer-job"}
    for workload in asking.values():
        assert "nvidia.com/gpu.product" in workload.spec["nodeSelector"], workload.name


@pytest.mark.parametrize("overlay", ["dev", "gpu"])
def test_adapters_lie_where_both_sides_look(overlay: str) -> None:
    """The generator's workers write the folder that GAMUT_SOURCES names; the source reads it."""
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    mounts = {
        w.name: {
            (mount["mountPath"], bool(mount.get("readOnly")))
            for mount in w.main["volumeMounts"]
            if mount["name"] == "adapters"
        }
        for w in workloads(render(overlay))
    }
    holders = {name for name, found in mounts.items() if found}
    workers = {"generator-worker"} | ({"generator-job"} if overlay == "gpu" else set())
    assert holders == workers | {"source"}
    assert mounts["source"] == {("/adapters", True)}
    assert all(mounts[name] == {("/adapters", False)} for name in workers)


def test_what_keeps_the_store_runs_as_the_reconciler_does() -> None:
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    every = {w.name: w for w in workloads(render("gpu"))}
    reconciler = every["gateway-reconciler"]
    for name in ("collect", "check-store", "backup"):
        keeper = every[name]
        assert keeper.main["image"] == reconciler.main["image"]
        assert keeper.main["envFrom"] == reconciler.main["envFrom"]
        assert keeper.main["command"][:3] == ["python", "-m", "services.gateway.keeping"]
        assert keeper.labels["app.kubernetes.io/component"] == "keeper"
