"""Temporary folders that say whose they are, and what processes that were killed have left of them."""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)
_NAME = re.compile(r"gamut-(?P<host>.+)-(?P<process>\d+)-[^-]+")


def own_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the block, or once its process has died."""
    return tempfile.TemporaryDirectory(prefix=f"gamut-{socket.gethostname()}-{os.getpid()}-")


def collect_folders() -> int:
    """Remove the folders of this machine's processes that do not live any more; returns how many."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob("gamut-*"):
        found = _NAME.fullmatch(folder.name)
        if found and found["host"] == socket.gethostname() and not _lives(int(found["process"])):
            shutil.rmtree(folder, ignore_errors=True)
            removed += 1
    if removed:
        log.info("folders.collected", folders=removed)
    return removed


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):  # another user's, or no process' number
        return True
    return True
