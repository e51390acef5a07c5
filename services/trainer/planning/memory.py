"""How much memory a training may use, and what to say when it was not enough."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import torch

from services.trainer.batching.steps import OptimiserStep, computed_tokens
from services.trainer.data.examples import Example
from services.trainer.errors import OutOfMemory
from shared.contracts.training.settings import TrainingSettings

CGROUP = Path("/sys/fs/cgroup")
ADVICE = "Lower micro_batch_tokens (the numbers stay the same), or take a smaller base."
MIN_MICRO_BATCH = 16


def available(device: str) -> int:
    """Bytes free on the device now; on a CPU, no more than the container's own limit leaves."""
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    free = int(psutil.virtual_memory().available)
    left = _left_in_cgroup(CGROUP)
    return free if left is None else min(free, left)


def _left_in_cgroup(folder: Path) -> int | None:
    """Bytes up to the limit; cached files (the weights just read) count as used there, and give way."""
    try:
        limit, used = ((folder / name).read_text().strip() for name in ("memory.max", "memory.current"))
        counted = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:
        return None
    if not limit.isdigit():
        return None
    cached = sum(int(counted.get(name, 0)) for name in ("active_file", "inactive_file"))
    return max(int(limit) - int(used) + cached, 0)


@contextmanager
def translated_memory_errors(advice: str = ADVICE) -> Iterator[None]:
    """Raises OutOfMemory, which ends with `advice`, for the ways torch says that memory is used up."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(_memory_problem(error, advice)) from error
    except RuntimeError as error:
        if not _says_no_memory(str(error).lower()):
            raise
        raise OutOfMemory(_memory_problem(error, advice)) from error


def _says_no_memory(text: str) -> bool:
    """The CPU's allocator, the CUDA runtime and cuBLAS each say it their way."""
    ways = (("alloc", "memory"), ("out of memory",), ("status_alloc_failed",))
    return any(all(word in text for word in way) for way in ways)


def _memory_problem(error: BaseException, advice: str) -> str:
    what = next(iter(str(error).splitlines()), "an allocation failed")
    return f"The step did not fit the memory ({what}). {advice}"


def memory_advice(
    plan: Sequence[OptimiserStep], examples: Sequence[Example], settings: TrainingSettings
) -> str:
    """What to try when a pass did not fit after all: half of the largest, while the longest row allows it."""
    passes = [[examples[index] for index in one] for step in plan for one in step.micro_batches]
    largest = max(computed_tokens(one, settings.batching) for one in passes)
    longest = max(len(example) for one in passes for example in one)
    if largest // 2 >= max(longest, MIN_MICRO_BATCH):
        return (
            f"The largest pass computes {largest} tokens: set micro_batch_tokens to {largest // 2} "
            "(the numbers stay the same)."
        )
    if not settings.gradient_checkpointing:
        return f"A pass is as small as its longest row, {longest} tokens: turn gradient_checkpointing on."
    return (
        f"A pass is as small as its longest row, {longest} tokens: lower max_length, or take a smaller base."
    )
