"""Zero-shot benchmarks through EleutherAI's lm-evaluation-harness, on task files of the trainer's own folder.

The harness is an optional extra (`pip install "gamut[harness]"`). Tasks are its YAML files, with data beside
them: nothing is fetched. Its own task names are not searched, so that no request can reach a hub by one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedTokenizerBase

from shared.contracts.problems import FieldError
from shared.errors import InvalidRequest

ROWS_PER_PASS = 8


class UnknownBenchmark(InvalidRequest):
    """A benchmark that this trainer does not have."""

    code = "unknown_benchmark"


def require_tasks(folder: str | None, names: Sequence[str]) -> None:
    """Raises UnknownBenchmark, with the tasks there are, before anything is computed."""
    if not names:
        return
    if folder is None or find_spec("lm_eval") is None:
        missing = "GAMUT_BENCHMARK_TASKS names no folder" if folder is None else "lm-eval is not installed"
        raise UnknownBenchmark(f"This trainer runs no benchmarks: {missing}. Leave `benchmarks` out.")
    known = sorted(_manager(folder).all_tasks)
    unknown = [(place, name) for place, name in enumerate(names) if name not in known]
    if unknown:
        raise UnknownBenchmark(
            f"There is no benchmark {', '.join(name for _, name in unknown)}. "
            f"Known: {', '.join(known) or 'none'}.",
            [FieldError(pointer=f"/benchmarks/{place}", detail=f"no task {name}") for place, name in unknown],
        )


def run_tasks(
    folder: str, names: Sequence[str], model: nn.Module, tokenizer: PreTrainedTokenizerBase
) -> dict[str, dict[str, float]]:
    """Task → metric → value, zero-shot, every row, seeds fixed."""
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    device = str(next(model.parameters()).device)
    wrapped: Any = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=ROWS_PER_PASS, device=device)
    with _beside(folder):
        found: Any = simple_evaluate(
            model=wrapped,
            tasks=list(names),
            task_manager=_manager(folder),
            num_fewshot=0,
            bootstrap_iters=0,
            log_samples=False,
            random_seed=0,
            numpy_random_seed=0,
            torch_random_seed=0,
            fewshot_random_seed=0,
        )
    return {task: _numbers(found["results"][task]) for task in names}


def _manager(folder: str) -> Any:
    from lm_eval.tasks import TaskManager

    return TaskManager(include_path=folder, include_defaults=False)


def _numbers(results: dict[str, Any]) -> dict[str, float]:
    """The metrics without the harness's filter names and error estimates."""
    named = {name.removesuffix(",none"): value for name, value in results.items() if name.endswith(",none")}
    return {
        name: float(value)
        for name, value in named.items()
        if isinstance(value, int | float) and math.isfinite(value) and not name.endswith("_stderr")
    }


@contextmanager
def _beside(folder: str) -> Iterator[None]:
    """Inside, data files are found relative to the tasks' folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
