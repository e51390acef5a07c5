"""What was not enough memory, and what is said then."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from services.trainer.batching.steps import plan_steps, split
from services.trainer.data.examples import Example
from services.trainer.errors import OutOfMemory
from services.trainer.planning import memory
from services.trainer.planning.memory import memory_advice, translated_memory_errors
from shared.contracts.training.settings import TrainingSettings


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
        ),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_every_way_of_saying_it_is_one_error(error: Exception) -> None:
    with pytest.raises(OutOfMemory, match="did not fit"), translated_memory_errors():
        raise error


@pytest.mark.parametrize(("limit", "left"), [("1000", 650), ("max", None), ("300", 0)])
def test_cached_files_give_way(tmp_path: Path, limit: str, left: int | None) -> None:
    """A container that has just read its weights was taken to be full of them."""
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text("800\n")
    (tmp_path / "memory.stat").write_text("anon 300\nactive_file 50\ninactive_file 400\n")
    assert memory._left_in_cgroup(tmp_path) == left
    assert memory._left_in_cgroup(tmp_path / "none") is None


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes"), translated_memory_errors():
        raise RuntimeError("shapes cannot be multiplied")


def rows(count: int, length: int) -> list[Example]:
    return [Example(str(n), tuple(range(length - 1)), (1,)) for n in range(count)]


def test_the_advice_is_a_number_that_halves_the_largest_pass() -> None:
    asked = TrainingSettings(rows_per_step=16, epochs=1)
    examples = rows(16, 50)
    advice = memory_advice(plan_steps(examples, asked), examples, asked)
    assert "computes 800 tokens: set micro_batch_tokens to 400" in advice
    assert max(map(len, split(range(16), examples, "packed", 400))) == 8


@pytest.mark.parametrize(
    ("checkpointed", "way"), [(False, "turn gradient_checkpointing on"), (True, "smaller")]
)
def test_a_pass_of_one_row_is_not_halved(checkpointed: bool, way: str) -> None:
    asked = TrainingSettings(rows_per_step=1, epochs=1, gradient_checkpointing=checkpointed)
    examples = rows(3, 50)
    assert way in memory_advice(plan_steps(examples, asked), examples, asked)
