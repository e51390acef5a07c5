"""What the CPU's tests cannot show of the trainer: FlexAttention's kernels, bf16, a GPU's memory, seeds.

    .venv/bin/python -m pytest -m gpu tests/gpu -rA          on a machine with a CUDA device
    GAMUT_TEST_DEVICE=cpu .venv/bin/python -m pytest tests/gpu     its rehearsal without one

Times are told (`-rA`), not asserted.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import MistralConfig, MistralForCausalLM

from services.trainer.attention import packed
from services.trainer.batching import batches, layouts
from services.trainer.batching.batches import Segment
from services.trainer.bundles import bundle, members, stacking
from services.trainer.data.examples import Example
from services.trainer.loop import loss, training
from services.trainer.models import loading
from services.trainer.operations.progress import Surroundings, TrainingProgress
from services.trainer.planning.machine import this_machine
from services.trainer.settings import TrainerSettings
from shared.contracts.training.fields import Batching
from shared.contracts.training.settings import LoraSettings, TrainingSettings
from tests.unit.services.trainer import tiny

DEVICE = os.environ.get("GAMUT_TEST_DEVICE", "cuda")
ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="no CUDA device"),
]
SHAPES: dict[str, Callable[[], Any]] = {
    "llama": lambda: tiny.llama(width=128, heads=4, key_heads=2, context=1024),
    "gpt2": lambda: tiny.gpt2(width=128, heads=4, context=1024),
    "llama with heads of 8": lambda: tiny.llama(context=1024),
    "mistral with a window": lambda: windowed(100),
}


def windowed(window: int) -> Any:
    shape = tiny.llama(width=128, heads=4, key_heads=2, context=1024).config.to_dict()
    config = MistralConfig(**{**shape, "sliding_window": window})
    torch.manual_seed(0)
    return MistralForCausalLM(config)


def base(shape: str, dtype: torch.dtype = torch.float32) -> Any:
    model = SHAPES[shape]()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    for parameter in model.parameters():  # `.to(dtype)` would round the rotary frequencies too
        parameter.data = parameter.data.to(dtype)
    return model.to(DEVICE)


def adapted(shape: str, dtype: torch.dtype = torch.float32) -> Any:
    model = loading.add_lora(base(shape, dtype), LoraSettings(target_modules="all-linear"), seed=1)
    torch.manual_seed(2)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.05)
    return model.train()


def rows(contexts: int = 2, pairs: int = 6, length: int = 300) -> list[Example]:
    """Rows of long contexts, and some of mixed lengths that share none."""
    generator = torch.Generator().manual_seed(0)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(1, 399, (count,), generator=generator).tolist())

    found = []
    for number in range(contexts):
        context = ids(length)
        found += [
            Example(f"{number}:{pair}", context + ids(5 + pair), ids(4 + pair % 3), str(number), length)
            for pair in range(pairs)
        ]
    return [*found, *(Example(f"alone {n}", ids(7 * n), ids(3 + n)) for n in range(6))]


def gradients(
    model: Any, parts: Sequence[Sequence[Example]], batching: Batching
) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    total = 0.0
    with layouts.laid_out(model, batching):
        for part in parts:
            value = loss.summed_loss(model, batches.build(part, batching, "completion").to(DEVICE))
            value.backward()
            total += float(value.detach())
    return total, torch.cat([p.grad.flatten().double() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("batching", ["packed", "shared_prefix"])
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-4), (torch.bfloat16, 5e-2)])
@pytest.mark.parametrize("shape", SHAPES)
def test_sharing_and_packing_are_exact(
    shape: str, dtype: torch.dtype, allowed: float, batching: Batching
) -> None:
    model = adapted(shape, dtype)
    separate = gradients(model, [[row] for row in rows()], "padded")
    together = gradients(model, [rows()], batching)
    assert together[0] == pytest.approx(separate[0], rel=allowed)
    assert float((together[1] - separate[1]).norm() / separate[1].norm()) <= allowed


@pytest.mark.parametrize("window", [None, 100])
@pytest.mark.parametrize("with_sinks", [False, True])
def test_windows_and_sinks_are_those_of_the_cpu(window: int | None, with_sinks: bool) -> None:
    segments = [Segment(0, 300), Segment(300, 420, (0, 300)), Segment(420, 451, (0, 300)), Segment(451, 700)]
    generator = torch.Generator().manual_seed(0)
    shapes = ((1, 4, 700, 32), (1, 2, 700, 32), (1, 2, 700, 32), (4,))
    given = [torch.randn(shape, generator=generator) for shape in shapes]

    def attended(device: str) -> list[torch.Tensor]:
        *qkv, sinks = [x.to(device).requires_grad_() for x in given]
        out, _ = packed.segment_attention_forward(
            nn.Identity(),
            *qkv,
            None,
            gamut_kernel=packed.kernel(segments, torch.device(device), 700),
            sliding_window=window,
            s_aux=sinks if with_sinks else None,
        )
        (out * torch.linspace(-1, 1, out.numel(), device=device).view_as(out)).sum().backward()
        return [out.detach().cpu(), *(x.grad.cpu() for x in (*qkv, sinks) if x.grad is not None)]

    for found, expected in zip(attended(DEVICE), attended("cpu"), strict=True):
        assert float((found - expected).norm() / expected.norm()) <= 1e-4


def test_flex_attention_is_compiled_once_for_lines_of_any_length() -> None:
    from torch._dynamo.utils import counters

    model = adapted("llama")
    gradients(model, [rows()], "shared_prefix")
    before = counters["stats"]["unique_graphs"]
    for pairs, length in ((3, 200), (9, 411), (5, 333)):
        gradients(model, [rows(2, pairs, length)], "shared_prefix")
    assert counters["stats"]["unique_graphs"] == before


def asked(**changes: Any) -> TrainingSettings:
    wanted = {"rows_per_step": 4, "epochs": 2, "learning_rate": 5e-3, "schedule": "cosine"}
    return TrainingSettings.model_validate({**wanted, "precision": "fp32", **changes})


def test_bundled_adapters_end_where_each_ends_alone(record_property: Callable[[str, object], None]) -> None:
    settings, sets = asked(), [rows(1, 6 + n, 40) for n in range(8)]
    shared = base("llama")
    together = [
        members.member(str(n), rows_of, stacking.fresh_adapter(shared, settings.lora, n), settings, n)
        for n, rows_of in enumerate(sets)
    ]
    started = _clock()
    bundled = bundle.train_bundle(shared, together, settings)
    seconds = _clock() - started
    started = _clock()
    for n, (rows_of, result) in enumerate(zip(sets, bundled, strict=True)):
        model = loading.add_lora(base("llama"), settings.lora, seed=n)
        alone = training.train(model, rows_of, settings, seed=n)
        assert [p.loss for p in result.curve] == pytest.approx([p.loss for p in alone.curve], rel=1e-3)
    record_property("seconds together", seconds)
    record_property("seconds one after the other", _clock() - started)
    print(f"8 adapters: {seconds:.2f} s together, {_clock() - started:.2f} s one after the other")


def _clock() -> float:
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


@pytest.mark.skipif(DEVICE != "cuda", reason="counts a GPU's memory")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("reduced", [loss._summed, lambda *of: loss.token_losses(*of).sum()])
def test_logits_are_never_all_there(dtype: torch.dtype, reduced: Callable[..., torch.Tensor]) -> None:
    """16,384 rows of a vocabulary of 128k would be 4 GiB of logits in bf16, and twice that with gradients."""
    hidden = torch.randn(16384, 1024, device=DEVICE, dtype=dtype, requires_grad=True)
    head = nn.Linear(1024, 131072, bias=False, device=DEVICE, dtype=dtype).requires_grad_(False)
    targets = torch.randint(0, 131072, (16384,), device=DEVICE)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    reduced(hidden, head, targets, loss.WHOLE_LOGITS).backward()
    assert torch.cuda.max_memory_allocated() - before < 2**30


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_resumed_training_ends_as_the_undisturbed_one(tmp_path: Path, method: str) -> None:
    """Dropout included, whose generator is the GPU's."""
    settings = asked(method=method, lora={"dropout": 0.2}, checkpoint_seconds=0, precision="auto")
    kept = tmp_path / "kept"

    def save(checkpoint: Path, step: int) -> None:
        if step == 3:
            shutil.copytree(checkpoint, kept)

    def train(around: Surroundings) -> tuple[list[float], torch.Tensor]:
        model = base("llama")
        model = loading.add_lora(model, settings.lora, seed=1) if method == "lora" else model
        trained = training.train(model, rows(1, 6, 40), settings, seed=1, surroundings=around)
        ended = [p.detach().flatten().float() for p in model.parameters() if p.requires_grad]
        return [point.loss for point in trained.curve], torch.cat(ended)

    whole = train(Surroundings(save_checkpoint=save))
    resumed = train(Surroundings(save_checkpoint=lambda *_: None, latest_checkpoint=lambda: kept))
    assert resumed[0] == pytest.approx(whole[0], rel=1e-3)
    torch.testing.assert_close(resumed[1], whole[1], rtol=1e-3, atol=1e-4)


def test_the_machine_says_what_it_has() -> None:
    machine = this_machine(TrainerSettings(device=DEVICE))  # type: ignore[arg-type]
    assert machine.memory_bytes > 2**28
    assert machine.speed > 1e9
    assert machine.bf16 == (loading.precision_of("auto", DEVICE) == torch.bfloat16)


def test_progress_is_told_at_every_step() -> None:
    seen: list[TrainingProgress] = []
    model = loading.add_lora(base("llama"), LoraSettings(), seed=1)
    training.train(model, rows(), asked(max_steps=3), surroundings=Surroundings(progress=seen.append))
    assert [progress.step for progress in seen] == [1, 2, 3]


def test_the_benchmark_runs(tmp_path: Path) -> None:
    """As on the day a GPU is there: its whole command line, on few rows."""
    out = tmp_path / "trainer.json"
    names = ["shared_prefix_training", "adapters_ops_per_step"]
    few = ["--context", "256", "--pairs", "8", "--contexts", "1", "--rows", "64", "--members", "4"]
    command = [sys.executable, "-m", "benchmarks.trainer", "--device", DEVICE, "--out", str(out), *few]
    subprocess.run([*command, "--only", *names], cwd=ROOT, check=True)
    measured = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    print({name: f"{row['ratio']:.2f} x" for name, row in measured.items()})
    assert len(measured) == len(names)
    assert all(row["equal"] for row in measured.values())
