"""How kernels are compiled.

Each is compiled by numba at its first call and kept on disk (`NUMBA_CACHE_DIR`, else `__pycache__`
beside the source), releases the GIL, and sees one set of array types, so that there is one compiled form
of it: a first call in a fresh process costs a few milliseconds when the disk has it, and between a
quarter of a second and a second when not. `make setup` has compiled them all (`services.metrics.compiling`);
with `GAMUT_PREPARED` the API has compiled what it measures with before it serves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled to machine code; integer arithmetic wraps, array bounds are not checked."""
    kernel: Callable[..., Any] = numba.njit(cache=True, nogil=True)(function)
    return kernel
