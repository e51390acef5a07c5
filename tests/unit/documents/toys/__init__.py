"""Toys that are made by following the checklists of CONTRIBUTING.md, each in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
COPIED = ("services", "shared", "examples")


@dataclass(frozen=True)
class Toy:
    """`new` files, and what is `added` to those there are: file → (the line it stands before, text).
    `program` runs it in the copy, with a folder and the address of a Redis, and prints `said`."""

    checklist: str
    name: str
    service: str
    new: Mapping[str, str]
    added: Mapping[str, tuple[tuple[str, str], ...]]
    program: str
    said: str
    made: tuple[str, ...] = ()
    """Files that a command of the checklist writes."""

    @property
    def touched(self) -> set[str]:
        return {*self.new, *self.added, *self.made}

    def told(self) -> set[str]:
        """The files that the checklist names for a thing of this name."""
        text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
        section = text.split(f"### {self.checklist}\n")[1].split("\n### ")[0]
        steps = re.findall(r"^\d\. (.*?):", section, re.MULTILINE)
        paths = re.findall(r"`([\w/.]+)`", " ".join(steps))
        return {path.replace("NAME", self.name).replace("SERVICE", self.service) for path in paths}

    def make(self, copy: Path) -> None:
        """Follow the checklist in a copy of the project."""
        for folder in COPIED:
            shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
        for path, text in self.new.items():
            assert not (copy / path).exists(), path
            (copy / path).write_text(text, encoding="utf-8")
        for path, additions in self.added.items():
            content = (copy / path).read_text(encoding="utf-8")
            for before, text in additions:
                assert content.count(before) == 1, f"{path} has {content.count(before)} of {before!r}"
                content = content.replace(before, text + before)
            (copy / path).write_text(content, encoding="utf-8")

    def run(self, copy: Path, folder: Path, *arguments: str) -> str:
        """What the program prints last, in the copy."""
        ran = subprocess.run(
            [sys.executable, "-c", self.program, str(folder), *arguments],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
        return ran.stdout.splitlines()[-1]
