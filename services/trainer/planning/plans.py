"""What a training or an evaluation would take, before anything runs: tokens, steps, memory, seconds.

Tokens and steps are exact: the rows are rendered and the steps laid out as the job would. Memory and
operations come from `tracing`. Seconds are the operations over the speed that a short matrix product reaches
on the machine that trains, plus a cost per dispatched operation. Ranges say how far from the estimate we have
seen the truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PretrainedConfig

from services.trainer.batching.steps import computed_tokens, plan_steps
from services.trainer.data.examples import Example
from services.trainer.data.rendering import Rendered
from services.trainer.errors import UnsuitableModel
from services.trainer.evaluation.losses import passes
from services.trainer.models import loading
from services.trainer.planning.costs import SECONDS_FACTOR, SECONDS_PER_OPERATION, added, answering_seconds
from services.trainer.planning.machine import Machine
from services.trainer.planning.tracing import Trace, parameter_counts, trace_pass
from shared.contracts.fields import Range
from shared.contracts.training.plans import Plan
from shared.contracts.training.settings import EvaluationSettings, TrainingSettings

# Peak memory over what autograd keeps and over the logits (with their softmax and gradient); then low,
# expected, high over the estimate. From runs of 1.5M to 53M parameters on the CPU: LoRA, full, checkpointed,
# padded.
KEPT_FACTOR = 1.6
LOGITS_FACTOR = 3.0
MEMORY_FACTOR = (0.8, 1.0, 1.35)
# A trained parameter's gradient and AdamW's two moments, fp32.
TRAINED_BYTES = 12
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
MOST_LAYERS = 1000
ATTENTION_FIELDS = ("attn_implementation", "_attn_implementation", "_attn_implementation_internal")
ATTENTIONS = ("eager", "sdpa", "flex_attention")
CODE_FIELDS = ("auto_map", "custom_pipelines", "trust_remote_code")
PROCESS_BYTES = 500 * 2**20
"""Python with torch, transformers and peft loaded."""


@dataclass(frozen=True)
class Work:
    """Every forward pass of a job, in order, and how many optimiser steps they make."""

    passes: tuple[tuple[Example, ...], ...]
    steps: int
    batching: str

    @property
    def sizes(self) -> list[int]:
        """Computed tokens of each pass."""
        return [computed_tokens(examples, self.batching) for examples in self.passes]  # type: ignore[arg-type]

    @property
    def largest(self) -> tuple[Example, ...]:
        sizes = self.sizes
        return self.passes[max(range(len(sizes)), key=sizes.__getitem__)]


def work_of(rendered: Rendered, settings: TrainingSettings | EvaluationSettings, seed: int) -> Work:
    """The passes that the job would run."""
    examples = rendered.examples
    if isinstance(settings, EvaluationSettings):
        scored = tuple(tuple(examples[i] for i in indices) for indices in passes(examples, settings))
        return Work(scored, 0, settings.batching)
    steps = plan_steps(examples, settings, seed)
    run = tuple(tuple(examples[i] for i in indices) for step in steps for indices in step.micro_batches)
    return Work(run, len(steps), settings.batching)


def plan(
    config: PretrainedConfig,
    rendered: Rendered,
    settings: TrainingSettings | EvaluationSettings,
    *,
    machine: Machine,
    seed: int = 0,
    new: int = 0,
) -> Plan:
    """The plan of a job on this machine. `new`: tokens of the answer that an evaluation writes to each row's
    prompt, at most."""
    work = work_of(rendered, settings, seed)
    with _plannable():
        trace = trace_pass(config, settings, work.largest)
        parameters, trainable = parameter_counts(config, settings)
    needed = _memory(trace, work, settings, config, parameters, trainable, machine)
    fits = needed.expected <= machine.memory_bytes
    return Plan(
        rows=rendered.counts.rows,
        tokens=sum(len(example) for examples in work.passes for example in examples),
        computed_tokens=sum(work.sizes),
        steps=work.steps,
        batching=settings.batching,
        parameters=parameters,
        trainable_parameters=trainable,
        memory_bytes=needed,
        memory_available=machine.memory_bytes,
        seconds=added(
            _seconds(trace, work, settings, config, machine),
            answering_seconds(trace.operations, rendered, settings, parameters, machine, new),
        ),
        fits=fits,
        advice=[
            *_warnings(rendered),
            *([] if fits else _advice(config, rendered, settings, seed, machine, needed)),
        ],
        rendering=rendered.counts,
    )


def _warnings(rendered: Rendered) -> list[str]:
    """What is likely not meant in how the rows are rendered."""
    endless = rendered.counts.endless
    if endless * 2 <= rendered.counts.rows:
        return []
    return [
        f"{endless} of {rendered.counts.rows} rows end with no end token and no other special one: a model "
        "that is trained on them does not learn to stop. Leave append_eos true and use a tokenizer with an "
        "end token, or a chat template that ends a turn."
    ]


def own_bytes(plan: Plan, settings: TrainingSettings, machine: Machine) -> float:
    """What a LoRA training needs beside the process and the frozen base, which others on it share."""
    return plan.memory_bytes.expected - PROCESS_BYTES - plan.parameters * machine.width(settings.precision)


def read_config(folder: Path, architecture: Mapping[str, Any] | None = None) -> PretrainedConfig:
    """The config of a model folder, or of a new architecture. Raises UnsuitableModel."""
    try:
        if architecture is not None:
            _require_sane(architecture)
            config: PretrainedConfig = AutoConfig.for_model(**architecture)
        else:
            config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False)
        return config
    except loading.NOT_BUILT as error:
        raise UnsuitableModel(f"This model's config cannot be read: {error}") from error


def _require_sane(architecture: Mapping[str, Any]) -> None:
    """Configs are built before they are checked: a list of a billion layers must not be. Nor may one name
    what is loaded from elsewhere: an attention of a hub's kernels, code of its own."""
    for name, value in _fields(architecture):
        if name in ATTENTION_FIELDS and value not in ATTENTIONS:
            raise UnsuitableModel(f"The architecture's {name} must be one of {', '.join(ATTENTIONS)}.")
        if name in CODE_FIELDS:
            raise UnsuitableModel(f"The architecture's {name} names code of its own: leave it out.")
    for name in LAYERS:
        layers = architecture.get(name, 1)
        if not isinstance(layers, int) or not 1 <= layers <= MOST_LAYERS:
            raise UnsuitableModel(
                f"The architecture's {name} must be a whole number from 1 to {MOST_LAYERS}."
            )


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Every field of a config, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield str(name), inner
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)


@contextmanager
def _plannable() -> Iterator[None]:
    """Raises UnsuitableModel for a config of which no causal model can be made, even of shapes alone."""
    try:
        yield
    except loading.NOT_BUILT as error:
        raise UnsuitableModel(
            f"No causal language model can be made of this config: {type(error).__name__}: {error}. "
            "Give the config of a causal one (GPT-2, Llama, OPT, Qwen and the like)."
        ) from error


def _width(settings: TrainingSettings | EvaluationSettings, machine: Machine) -> int:
    """Bytes of a weight. Full training keeps them in fp32."""
    whole = isinstance(settings, TrainingSettings) and settings.method != "lora"
    return 4 if whole else machine.width(settings.precision)


def _fixed(
    settings: TrainingSettings | EvaluationSettings, parameters: int, trainable: int, machine: Machine
) -> int:
    """Bytes that are needed however small the passes are."""
    return PROCESS_BYTES + parameters * _width(settings, machine) + trainable * TRAINED_BYTES


def _memory(
    trace: Trace,
    work: Work,
    settings: TrainingSettings | EvaluationSettings,
    config: PretrainedConfig,
    parameters: int,
    trainable: int,
    machine: Machine,
) -> Range:
    fixed = _fixed(settings, parameters, trainable, machine)
    known = loading.vocabulary(config)
    logits = 4 * min(_predicted(work.largest), 2**25 // known + 1) * known
    kept = trace.kept_bytes * _width(settings, machine) / 4
    return _range(fixed + KEPT_FACTOR * kept + LOGITS_FACTOR * logits, MEMORY_FACTOR)


def _seconds(
    trace: Trace,
    work: Work,
    settings: TrainingSettings | EvaluationSettings,
    config: PretrainedConfig,
    machine: Machine,
) -> Range:
    """Σ over passes of (matrix products + head + attention) / speed, plus their dispatch."""
    backward = 3 if isinstance(settings, TrainingSettings) else 1
    text = config.get_text_config()
    tokens, predicted = sum(work.sizes), sum(map(_predicted, work.passes))
    flops = trace.flops / computed_tokens(work.largest, settings.batching) * tokens
    flops += 2 * min(backward, 2) * predicted * text.hidden_size * loading.vocabulary(config)
    flops += 4 * backward * text.hidden_size * text.num_hidden_layers * _attended(work)
    seconds = flops / machine.speed + trace.operations * len(work.passes) * SECONDS_PER_OPERATION
    return _range(seconds, SECONDS_FACTOR)


def _range(estimate: float, factors: tuple[float, float, float]) -> Range:
    low, expected, high = (factor * estimate for factor in factors)
    return Range(low=low, expected=expected, high=high)


def _attended(work: Work) -> float:
    """Query-key pairs of all passes, causal halves counted once."""
    if work.batching == "padded":
        return sum(len(examples) * max(map(len, examples)) ** 2 / 2 for examples in work.passes)
    pairs = 0.0
    for examples in work.passes:
        pairs += sum(len(example) ** 2 / 2 for example in examples)
        if work.batching == "shared_prefix":
            repeated = (b.shared for a, b in pairwise(examples) if b.group is not None and a.group == b.group)
            pairs -= sum(shared**2 / 2 for shared in repeated)
    return pairs


def _predicted(examples: Sequence[Example]) -> int:
    return sum(example.predicted for example in examples)


def _advice(
    config: PretrainedConfig,
    rendered: Rendered,
    settings: TrainingSettings | EvaluationSettings,
    seed: int,
    machine: Machine,
    needed: Range,
) -> list[str]:
    """What would make it fit: the first of the cheaper ways to compute the same whose own plan fits, or that
    there is none.
    """
    available = machine.memory_bytes
    lack = (
        f"About {needed.expected / 2**30:.1f} GiB are needed and {available / 2**30:.1f} GiB are there: it "
        "would not fit."
    )
    parameters, trainable = parameter_counts(config, settings)
    if _fixed(settings, parameters, trainable, machine) >= available:
        return [lack, "The weights alone do not fit: take a smaller base, bf16 weights, or LoRA."]
    for words, changes in _smaller(rendered, settings, seed):
        asked = settings.model_copy(update=changes)
        work = work_of(rendered, asked, seed)
        trace = trace_pass(config, asked, work.largest)
        if _memory(trace, work, asked, config, parameters, trainable, machine).expected <= available:
            return [lack, f"With {words} it fits; the numbers stay the same."]
    return [lack, "No smaller pass fits: lower max_length, or take a smaller base, bf16 weights, or LoRA."]


def _smaller(
    rendered: Rendered, settings: TrainingSettings | EvaluationSettings, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Ways to need less memory, dearest last: halved passes down to the longest row, then with layers
    computed again instead of kept.
    """
    largest = max(work_of(rendered, settings, seed).sizes)
    longest = max(rendered.counts.longest, 16)
    sizes = [largest >> halved for halved in range(1, 12) if largest >> halved > longest] + [longest]
    for size in sizes:
        yield f"micro_batch_tokens {size}", {"micro_batch_tokens": size}
    if isinstance(settings, TrainingSettings) and not settings.gradient_checkpointing:
        checkpointed = {"gradient_checkpointing": True}
        yield "gradient_checkpointing", checkpointed
        words = f"gradient_checkpointing and micro_batch_tokens {longest}"
        yield words, {**checkpointed, "micro_batch_tokens": longest}
