"""The kernels of one shared-prefix step, and the attention's own beside other ways to compile it.

python -m benchmarks.gpu.kernels RESULT.json
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.nn.attention.flex_attention import flex_attention
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu import common
from benchmarks.trainer import corpus
from services.trainer.attention import packed
from services.trainer.batching import batches, layouts
from services.trainer.loop import loss
from services.trainer.models import loading
from shared.contracts.training.settings import LoraSettings

CONTEXT, PAIRS = (1024, 30) if common.LARGE else (256, 6)
OPTIONS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "lines of one length": {"dynamic": False},
    "forward 64 x 64": {"fwd_BLOCK_M": 64, "fwd_BLOCK_N": 64},
    "forward 128 x 64, 8 warps": {"fwd_BLOCK_M": 128, "fwd_BLOCK_N": 64, "fwd_num_warps": 8},
    "blocks in sequence": {"BLOCKS_ARE_CONTIGUOUS": True},
}


def profiled(batch: batches.Batch) -> dict[str, Any]:
    """The ten kernels that take longest, their number, and how long they take."""
    model = loading.add_lora(common.base(), LoraSettings(), seed=0).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)

    def step() -> None:
        loss.summed_loss(model, batch).backward()
        optimizer.step()
        optimizer.zero_grad()

    with layouts.laid_out(model, "shared_prefix"):
        seconds = timed(step, 5)
        on = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * common.LARGE
        with profile(activities=on) as seen:
            step()
            common.wait()
    where = DeviceType.CUDA if common.LARGE else DeviceType.CPU
    events = [one for one in seen.events() if one.device_type == where and not one.is_user_annotation]
    spent: dict[str, list[float]] = {}
    for one in events:
        took = one.self_device_time_total if common.LARGE else one.self_cpu_time_total
        spent.setdefault(one.name, []).append(took / 1e3)
    top = sorted(spent, key=lambda name: -sum(spent[name]))[:10]
    return {
        "step_ms": seconds * 1e3,
        "device_ms": sum(map(sum, spent.values())),
        "launches": len(events),
        "positions": batch.computed_tokens,
        "top": [{"name": name[:90], "calls": len(spent[name]), "ms": sum(spent[name])} for name in top],
    }


def attention(batch: batches.Batch) -> dict[str, Any]:
    """Milliseconds of the attention of one layer, forward and backward, by how it is compiled; and of plain
    causal attention on as many tokens.
    """
    length = batch.computed_tokens
    heads = {"q": 32, "k": 8, "v": 8} if common.LARGE else {"q": 2, "k": 2, "v": 2}
    q, k, v = (
        torch.randn(1, length, n, 64, device=common.DEVICE, dtype=common.HALF).transpose(1, 2)
        for n in heads.values()
    )
    mask = packed.block_mask(batch.segments, length, torch.device(common.DEVICE))
    found: dict[str, Any] = {"tokens": length}

    def measure(name: str, attend: Callable[..., Any], **asked: Any) -> None:
        backward = common.LARGE  # FlexAttention has none on the CPU
        given = [x.detach().requires_grad_(backward) for x in (q, k, v)]

        def both() -> None:
            out = attend(*given, enable_gqa=True, **asked)
            if backward:
                out.sum().backward()

        try:
            with torch.no_grad():
                forward = timed(lambda: attend(*given, enable_gqa=True, **asked), 20)
            found[name] = {"forward": forward * 1e3, "both": timed(both, 20) * 1e3}
        except Exception as error:  # a way that this release does not know is told, and the others go on
            found[name] = {"error": str(error)[:300]}
        print(f"{name:28} {found[name]}", flush=True)

    measure("plain causal", torch.nn.functional.scaled_dot_product_attention, is_causal=True)
    for name, options in OPTIONS.items():
        options = dict(options)
        dynamic = options.pop("dynamic", True)
        attend = (
            torch.compile(flex_attention, dynamic=dynamic, fullgraph=True) if common.LARGE else flex_attention
        )
        measure(name, attend, block_mask=mask, kernel_options={**packed.KERNEL, **options})
    return found


def timed(run: Callable[[], Any], times: int) -> float:
    """Seconds of one run, after three that are not counted."""
    for _ in range(3):
        run()
    started = common.wait()
    for _ in range(times):
        run()
    return (common.wait() - started) / times


def main() -> None:
    batch = batches.build(corpus.questions(1, PAIRS, CONTEXT), "shared_prefix", "completion").to(
        common.DEVICE
    )
    found = profiled(batch)
    common.write(sys.argv[1], found)
    print(f"a step takes {found['step_ms']:.1f} ms; {found['launches']} kernels {found['device_ms']:.1f} ms")
    for row in found["top"]:
        print(f"{row['ms']:8.2f} ms {row['calls']:5} x  {row['name']}")
    found["attention"] = attention(batch)
    common.write(sys.argv[1], found)


if __name__ == "__main__":
    main()
