"""What killed workers leave in the temporary folder is removed by the next one, and nothing else is."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from shared.folders import collect_folders, own_folder


def test_a_dead_processs_folder_is_collected_and_a_living_ones_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f"gamut-{socket.gethostname()}-{dead.pid}-abc12"
    (left / "half").mkdir(parents=True)
    others = [tmp_path / "gamut-elsewhere-1-abc", tmp_path / "gamut-notes", tmp_path / "someones"]
    for other in others:
        other.mkdir()
    with own_folder() as mine:
        assert collect_folders() == 1
        assert Path(mine).is_dir()
    assert sorted(tmp_path.iterdir()) == sorted(others)
