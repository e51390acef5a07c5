"""Strict validation: an unknown field is an error. Built-in kinds against three Kubernetes versions; kinds of
other projects against their published types, or, where no registry has those, against definitions in a folder
that `GAMUT_CRDS` names."""

from __future__ import annotations

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.deploy.custom_kinds import PACKAGES, compiler, faults
from tests.deploy.manifests import NO_RENDERER, Manifest, render, renderer

VERSIONS = ("1.31", "1.34", "1.37")
UNPUBLISHED = {"kueue.x-k8s.io/v1beta2", "ray.io/v1"}
CUSTOM = UNPUBLISHED | set(PACKAGES)
WITH_CUSTOM = ("gpu", "kueue")
NOT_INSTALLED = "no types of custom kinds here: npm ci --prefix tests/deploy/kinds"


@pytest.mark.parametrize("version", VERSIONS)
def test_built_in_kinds_are_valid(manifests: tuple[Manifest, ...], version: str) -> None:
    checked = [m for m in manifests if m["apiVersion"] not in CUSTOM]
    assert len(checked) > 20
    for manifest in checked:
        kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("overlay", WITH_CUSTOM)
def test_published_kinds_are_valid(overlay: str, tmp_path: Path) -> None:
    checked = [m for m in _rendered(overlay) if m["apiVersion"] in PACKAGES]
    assert {m["kind"] for m in checked} >= {"ScaledJob", "ScaledObject", "ServiceMonitor", "PrometheusRule"}
    if compiler() is None:
        pytest.skip(NOT_INSTALLED)
    assert faults(checked, tmp_path) == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [("pollingInterval", "often"), ("poolingInterval", 5), ("jobTargetRef", {}), ("triggers", {})],
)
def test_a_faulty_custom_kind_is_noticed(field: str, value: Any, tmp_path: Path) -> None:
    job = deepcopy(next(m for m in _rendered("gpu") if m["kind"] == "ScaledJob"))
    if compiler() is None:
        pytest.skip(NOT_INSTALLED)
    job["spec"][field] = value
    assert "error TS" in faults([job], tmp_path)


@pytest.mark.parametrize(
    ("overlay", "kinds"),
    [("kueue", {"ClusterQueue", "LocalQueue", "ResourceFlavor"}), ("ray", {"RayCluster"})],
)
def test_unpublished_kinds_are_valid(overlay: str, kinds: set[str]) -> None:
    checked = [m for m in _rendered(overlay) if m["apiVersion"] in UNPUBLISHED]
    assert {m["kind"] for m in checked} == kinds
    folder = os.environ.get("GAMUT_CRDS")
    if folder is None:
        pytest.skip(
            "no package has the definitions of Kueue's and KubeRay's kinds: put the YAML files of their "
            "releases into a folder and name it in GAMUT_CRDS"
        )
    definitions = _definitions(Path(folder))
    for manifest in checked:
        schema = definitions[manifest["apiVersion"], manifest["kind"]]
        Draft202012Validator(_strict(schema)).validate(manifest)


def _rendered(overlay: str) -> tuple[Manifest, ...]:
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    return render(overlay)


def _definitions(folder: Path) -> dict[tuple[str, str], Any]:
    found = {}
    for path in folder.glob("*.yaml"):
        for definition in yaml.safe_load_all(path.read_text()):
            spec = definition["spec"]
            for version in spec["versions"]:
                key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                found[key] = version["schema"]["openAPIV3Schema"]
    return found


def _strict(schema: Any, metadata: bool = False) -> Any:
    """The schema with `additionalProperties: false` wherever Kubernetes would prune an unknown field."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {
        key: {name: _strict(part, name == "metadata") for name, part in value.items()}
        if key == "properties"
        else _strict(value)
        for key, value in schema.items()
    }
    open_ended = metadata or schema.get("x-kubernetes-preserve-unknown-fields")
    if "properties" in inner and "additionalProperties" not in inner and not open_ended:
        inner["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string"):
        inner.pop("type", None)
    return inner
