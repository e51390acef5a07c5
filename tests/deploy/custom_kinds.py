"""Kinds of other projects, checked against the types that those projects' definitions are published as.

Each manifest is written as a TypeScript literal of its type, for which an unknown field is an error, as is a
missing or a wrong one. `npm ci --prefix tests/deploy/kinds` gets types and compiler.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.deploy.manifests import Manifest

FOLDER = Path(__file__).with_name("kinds")
PACKAGES = {
    "gateway.networking.k8s.io/v1": "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1",
    "keda.sh/v1alpha1": "@kubernetes-models/keda/keda.sh/v1alpha1",
    "monitoring.coreos.com/v1": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
}


def compiler() -> Path | None:
    """The TypeScript compiler, or None where the types were not installed."""
    found = FOLDER / "node_modules" / ".bin" / "tsc"
    return found if found.exists() else None


def faults(manifests: list[Manifest], folder: Path) -> str:
    """What the compiler says of them; nothing where all is well. `folder` is empty and the caller's."""
    lines = []
    for number, manifest in enumerate(manifests):
        kind = manifest["kind"]
        lines += [
            f'import type {{ I{kind} as Kind{number} }} from "{PACKAGES[manifest["apiVersion"]]}/{kind}";',
            f"export const manifest{number}: Kind{number} = {json.dumps(manifest)};",
        ]
    (folder / "manifests.ts").write_text("\n".join(lines))
    (folder / "node_modules").symlink_to(FOLDER / "node_modules")
    command = compiler()
    assert command is not None
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2022"]
    ran = subprocess.run(
        ["node", command.resolve(), *options, "manifests.ts"], cwd=folder, capture_output=True, text=True
    )
    return ran.stdout + ran.stderr
