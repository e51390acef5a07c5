"""One side of one row, in a process of its own: CPU seconds, peak memory and losses, as JSON.

python -m benchmarks.trainer.side ours shared_prefix_training '{}'
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch

from benchmarks.trainer import operations, peer, shapes
from benchmarks.trainer.cases import Case, Options, cases
from services.trainer.batching.steps import OptimiserStep, plan_steps
from services.trainer.data.examples import Example
from services.trainer.evaluation.losses import evaluate
from services.trainer.loop import training
from services.trainer.models import loading
from shared.contracts.training.results import RowLoss

Result = dict[str, Any]


def main() -> None:
    side, name, given = sys.argv[1:4]
    options = Options(**json.loads(given))
    torch.set_num_threads(1)
    case = next(case for case in cases(options) if case.name == name)
    print(json.dumps(measure(case, side, options)))


def measure(case: Case, side: str, options: Options) -> Result:
    examples = case.examples()
    if case.kind == "operations":
        return operations.measure(case, side, options.device, examples)
    run = (
        _training(case, side, options.device)
        if case.kind == "train"
        else _evaluation(case, side, options.device)
    )
    run(examples[:4])  # kernels are chosen, modules imported
    before = _peak(options.device)
    if options.device.startswith("cuda"):  # there the peak starts again, and has the weights in it
        torch.cuda.reset_peak_memory_stats()
        before = 0
    started = time.process_time()
    wall = time.perf_counter()
    losses = run(examples)
    cpu, seconds = time.process_time() - started, time.perf_counter() - wall
    return {
        "seconds": seconds if options.device.startswith("cuda") else cpu,
        "peak_bytes": _peak(options.device) - before,
        "losses": losses,
        "tokens": sum(map(len, examples)),
        "rows": len(examples),
    }


def _peak(device: str) -> int:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _adapted(case: Case, device: str) -> Any:
    return loading.add_lora(shapes.make(case.shape, device), case.asked.lora, seed=0)


def _training(case: Case, side: str, device: str) -> Callable[[Sequence[Example]], list[float]]:
    model = _adapted(case, device)
    start = {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}

    def run(examples: Sequence[Example]) -> list[float]:
        model.load_state_dict(start, strict=False)
        steps: Sequence[OptimiserStep] = plan_steps(examples, case.asked)
        if side == "theirs":
            return peer.train(model, examples, case.asked, steps, case.batch, device)
        return [point.loss for point in training.train(model, examples, case.asked, steps=steps).curve]

    return run


def _evaluation(case: Case, side: str, device: str) -> Callable[[Sequence[Example]], list[float]]:
    model = _adapted(case, device)

    def run(examples: Sequence[Example]) -> list[float]:
        if side == "theirs":
            return [peer.evaluate(model, examples, case.batch, device)]
        return [batch_means(evaluate(model, examples, case.asked), case.batch)]

    return run


def batch_means(rows: Sequence[RowLoss], batch: int) -> float:
    """The peer's `eval_loss` from rows' own losses: each batch's token mean, weighted by its rows."""
    total = 0.0
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        total += len(part) * sum(row.nll for row in part) / sum(row.tokens for row in part)
    return total / len(rows)


if __name__ == "__main__":
    main()
