"""Kernels are compiled once, by `make setup`, and by no process after that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[4]
COUNTED = """
import gc, json
from numba.core.dispatcher import Dispatcher
from services.metrics.answers import MeasuringAtOnce
from services.metrics.compiling import compile_kernels
from shared.contracts.measurement import MeasureTextsRequest, Metric

def kernels():
    found = [one for one in gc.get_objects() if isinstance(one, Dispatcher)]
    return [one for one in found if one.py_func.__module__.startswith("services.")]
"""
MEASURES = """
words = "the fox ran far away from the house and the cat sat by a tree".split()
texts = [" ".join(words[n % 5 :: 1 + n % 3]) + f" number{n}" for n in range(60)]
asked = MeasureTextsRequest(texts=texts[:40], reference=texts[40:], test=texts[50:], metrics=["default"])
MeasuringAtOnce({}).answer(asked, "application/json")
print(json.dumps({one.py_func.__qualname__: sum(one.stats.cache_misses.values()) for one in kernels()}))
"""


def ran(program: str) -> dict[str, Any]:
    """What the program prints, in a process of its own, with the cache of this checkout."""
    found = subprocess.run(
        [sys.executable, "-c", COUNTED + program], capture_output=True, text=True, cwd=ROOT
    )
    assert found.returncode == 0, found.stderr
    told: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
    return told


def test_a_fresh_process_compiles_nothing_that_setup_has_compiled() -> None:
    ran("compile_kernels(); print(json.dumps({}))")
    missed = ran(MEASURES)
    assert len(missed) > 50
    assert sum(missed.values()) == 0, missed
