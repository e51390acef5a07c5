"""Strict validation: an unknown field is an error. Built-in kinds against two Kubernetes versions; kinds of
other projects against their own definitions, when `GAMUT_CRDS` names a folder that holds them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.deploy.manifests import Manifest

VERSIONS = ("1.31", "1.37")
CUSTOM = {
    "keda.sh/v1alpha1",
    "kueue.x-k8s.io/v1beta2",
    "monitoring.coreos.com/v1",
}


@pytest.mark.parametrize("version", VERSIONS)
def test_built_in_kinds_are_valid(manifests: tuple[Manifest, ...], version: str) -> None:
    checked = [m for m in manifests if m["apiVersion"] not in CUSTOM]
    assert len(checked) > 20
    for manifest in checked:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_custom_kinds_are_valid(manifests: tuple[Manifest, ...]) -> None:
    folder = os.environ.get("GAMUT_CRDS")
    if folder is None:
        pytest.skip("GAMUT_CRDS names no folder of custom resource definitions")
    definitions = _definitions(Path(folder))
    for manifest in manifests:
        if manifest["apiVersion"] in CUSTOM:
            schema = definitions[manifest["apiVersion"], manifest["kind"]]
            Draft202012Validator(_strict(schema)).validate(manifest)


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
