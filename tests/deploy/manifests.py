"""Rendered Kubernetes manifests, and the questions that the tests ask of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = sorted(path.parent.name for path in K8S.glob("overlays/*/kustomization.yaml"))
Manifest = dict[str, Any]
NO_RENDERER = "nothing here renders kustomizations: install kubectl 1.27 or newer, or kustomize 5"


def renderer() -> list[str] | None:
    """The command that renders a kustomization here, or None when the machine has none."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


@cache
def render(overlay: str) -> tuple[Manifest, ...]:
    return build(K8S / "overlays" / overlay)


def build(folder: Path) -> tuple[Manifest, ...]:
    """The manifests of the kustomization in a folder."""
    command = renderer()
    assert command is not None
    text = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=True).stdout
    return tuple(yaml.safe_load_all(text))


@dataclass(frozen=True)
class Workload:
    """Anything that makes pods: where it stands, and its pods' labels and spec."""

    kind: str
    name: str
    manifest: Manifest
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def main(self) -> dict[str, Any]:
        return self.spec["containers"][0]  # type: ignore[no-any-return]

    @property
    def service(self) -> str | None:
        """Which of our services' code it runs, read off its command."""
        words = [*self.main.get("command", []), *self.main.get("args", [])]
        for word in words:
            if str(word).startswith("services."):
                return str(word).split(".")[1]
        image = self.main["image"].rsplit("/", 1)[-1].split(":")[0].removesuffix("-cuda")
        return image if image in {"gateway", "generator", "metrics", "trainer"} and not words else None

    @property
    def ports(self) -> dict[str, int]:
        return {port["name"]: port["containerPort"] for port in self.main.get("ports", [])}


def workloads(manifests: tuple[Manifest, ...]) -> Iterator[Workload]:
    for manifest in manifests:
        kind, name = manifest["kind"], manifest["metadata"]["name"]
        if kind == "RayCluster":
            spec = manifest["spec"]
            groups = {"head": spec["headGroupSpec"]} | {g["groupName"]: g for g in spec["workerGroupSpecs"]}
            for group, found in groups.items():
                pod = found["template"]
                yield Workload(kind, f"{name}-{group}", manifest, pod["metadata"]["labels"], pod["spec"])
            continue
        if kind in {"Deployment", "StatefulSet"}:
            template = manifest["spec"]["template"]
        elif kind == "ScaledJob":
            template = manifest["spec"]["jobTargetRef"]["template"]
        elif kind == "CronJob":
            template = manifest["spec"]["jobTemplate"]["spec"]["template"]
        else:
            continue
        yield Workload(kind, name, manifest, template["metadata"]["labels"], template["spec"])


def named(manifests: tuple[Manifest, ...], kind: str) -> dict[str, Manifest]:
    return {m["metadata"]["name"]: m for m in manifests if m["kind"] == kind}


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Whether a label selector picks an object with these labels."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] in {"In", "Exists"}, "the tests read no other operator"
        if expression["operator"] == "Exists":
            if expression["key"] not in labels:
                return False
        elif labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def environment(workload: Workload, manifests: tuple[Manifest, ...]) -> dict[str, str | None]:
    """The variables that the main container gets; None stands for a secret's value."""
    maps = named(manifests, "ConfigMap")
    found: dict[str, str | None] = {}
    for source in workload.main.get("envFrom", []):
        if "configMapRef" in source:
            found |= maps[source["configMapRef"]["name"]]["data"]
    for variable in workload.main.get("env", []):
        found[variable["name"]] = variable.get("value")
    return found
