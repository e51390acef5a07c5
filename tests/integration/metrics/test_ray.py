"""Ray keeps in its process what it once was connected to: what connects by its client has one of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray")
NODES = Path(__file__).with_name("ray_nodes.py")


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_a_cluster_of_real_nodes() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", str(NODES)]
    ran = subprocess.run(command, cwd=NODES.parents[3], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
