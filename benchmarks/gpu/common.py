"""What the GPU's checks share, and the machine they ran on.

python -m benchmarks.gpu.common MACHINE.json
python -m benchmarks.gpu.common --together PARTS OUT       all parts' figures into OUT/results.json
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from benchmarks.trainer import shapes

DEVICE = os.environ.get("KIT_DEVICE", "cuda")
SHAPE = os.environ.get("KIT_SHAPE", "llama-1b")
LARGE = DEVICE == "cuda"
"""False: rows and steps so few that a CPU runs every line in minutes."""
HALF = torch.bfloat16 if LARGE else torch.float32
RELEASES = [
    "torch",
    "triton",
    "transformers",
    "accelerate",
    "peft",
    "tokenizers",
    "safetensors",
    "numpy",
    "pydantic",
]


def base(dtype: torch.dtype = HALF) -> Any:
    """A model of `benchmarks.trainer`'s shapes in this precision, made on the device."""
    torch.manual_seed(0)
    with torch.device(DEVICE):
        model: Any = AutoModelForCausalLM.from_config(
            AutoConfig.for_model(**shapes.SHAPES[SHAPE]), dtype=dtype
        )
    model.config.use_cache = False
    return model.eval()


def wait() -> float:
    """The clock, when the device has done all it was given."""
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_mib() -> int:
    """The most memory since the last call, weights included."""
    if DEVICE != "cuda":
        return 0
    found = torch.cuda.max_memory_allocated() >> 20
    torch.cuda.reset_peak_memory_stats()
    return found


def matmul_rate() -> float:
    """bf16 operations a second of a large product: what the device can do at most."""
    size = 8192 if LARGE else 256
    left, right = (torch.randn(size, size, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(3):
        left @ right
    started = wait()
    for _ in range(20):
        left @ right
    return 20 * 2 * size**3 / (wait() - started)


def write(path: str | Path, found: dict[str, Any]) -> None:
    Path(path).write_text(json.dumps(found, indent=1) + "\n")


def release(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # triton, where there is no GPU
        return None


def machine() -> dict[str, Any]:
    found: dict[str, Any] = {"python": sys.version.split()[0], **{name: release(name) for name in RELEASES}}
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        found |= {"device": card.name, "memory_mib": card.total_memory >> 20, "cuda": torch.version.cuda}
    return found


def together(parts: Path, out: Path) -> None:
    ends = [line.split("\t") for line in (parts / "parts.tsv").read_text().splitlines()]
    found: dict[str, Any] = {name: {"rc": int(rc), "seconds": int(seconds)} for name, rc, seconds in ends}
    for path in sorted(parts.glob("*.json")):
        found.setdefault(path.stem, {})["found"] = json.loads(path.read_text())
    write(out / "results.json", found)


if __name__ == "__main__":
    if sys.argv[1] == "--together":
        together(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        print(json.dumps(machine()))
        write(sys.argv[1], machine())
