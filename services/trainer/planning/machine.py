"""The machine that trainings run on, as a plan needs to know it.

A plan is mostly asked of the API, which on a cluster has neither the GPU nor the memory: whoever trains
leaves its machine in the store, and the API plans for that one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

import torch
from pydantic import TypeAdapter

from services.trainer.models import loading
from services.trainer.planning import memory
from services.trainer.settings import TrainerSettings
from shared.contracts.training.fields import Precision
from shared.store.base import ObjectNotFound, ObjectStore

KEY = "trainer/machine.json"


@dataclass(frozen=True)
class Machine:
    """memory_bytes: what a training may use. speed: floating-point operations a second that a matrix product
    reaches. bf16: whether `auto` is bf16 here.
    """

    memory_bytes: int
    speed: float
    bf16: bool

    def width(self, precision: Precision) -> int:
        """Bytes of a weight."""
        return 2 if precision == "bf16" or (precision == "auto" and self.bf16) else 4


MACHINE = TypeAdapter(Machine)


def this_machine(settings: TrainerSettings, device: str | None = None, processes: int = 1) -> Machine:
    """As it is now, for one of so many processes on it; where there are GPUs each has its own."""
    device = device or settings.training_device()
    free = settings.memory_bytes
    if free is None:
        free = memory.available(device) // (processes if device == "cpu" else 1)
    return Machine(free, speed(device), loading.precision_of("auto", device) == torch.bfloat16)


def announce(store: ObjectStore, machine: Machine) -> None:
    """Leaves it for those who plan; the newest counts."""
    store.put(KEY, MACHINE.dump_json(machine), "application/json")


def announced(store: ObjectStore) -> Machine | None:
    """The machine that trains; None as long as none has started."""
    try:
        return MACHINE.validate_json(store.get(KEY))
    except ObjectNotFound:
        return None


@lru_cache(maxsize=4)
def speed(device: str) -> float:
    """Floating-point operations a second that a matrix product reaches on this device, best of a few."""
    dtype = loading.precision_of("auto", device)
    size = 4096 if device.startswith("cuda") else 512
    matrix = torch.ones(size, size, dtype=dtype, device=device)
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(4):
            torch.mm(matrix, matrix)
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        best = max(best, 4 * 2 * size**3 / (time.perf_counter() - started))
    return best
