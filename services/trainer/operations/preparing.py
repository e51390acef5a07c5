"""Everything a training needs to know before a weight is loaded: rows, files, tokens, overlap, price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import structlog
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from services.trainer.batching import layouts
from services.trainer.data.contamination import check_contamination
from services.trainer.data.datasets import Rows, read_rows
from services.trainer.data.rendering import Rendered, render
from services.trainer.errors import NotPackable, OutOfMemory
from services.trainer.evaluation.answers import require_prompts
from services.trainer.evaluation.gradients import sampled
from services.trainer.models import loading
from services.trainer.models.resolving import ModelFiles, Place, resolve
from services.trainer.planning import plans
from services.trainer.planning.machine import Machine, this_machine
from services.trainer.settings import TrainerSettings
from shared.contracts.fields import Range
from shared.contracts.training.plans import Plan
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.contracts.training.results import ContaminationResult
from shared.contracts.training.settings import (
    EvaluationSettings,
    GradientSettings,
    LoraSettings,
    RenderingSettings,
    TrainingSettings,
)

log = structlog.get_logger(__name__)
Asked = TypeVar("Asked", TrainingSettings, EvaluationSettings)


@dataclass(frozen=True)
class Prepared:
    """A training whose rows are tokens, and what it would take; `request` has the layout that the model can
    compute.
    """

    request: TrainingRequest
    files: ModelFiles
    tokenizer: PreTrainedTokenizerBase
    rendered: Rendered
    validation: Rendered | None
    overlap: ContaminationResult | None
    plan: Plan


def prepare(
    settings: TrainerSettings,
    request: TrainingRequest,
    place: Place,
    files: ModelFiles | None = None,
    machine: Machine | None = None,
) -> Prepared:
    """Raises what is wrong with the request's data or base.

    `files` are the base's when they are known already; it is planned for this machine unless for another.
    """
    data = read_rows(place.store, request.dataset)
    kept = read_rows(place.store, request.validation) if request.validation else None
    overlap = None
    if request.test is not None:
        test = read_rows(place.store, request.test)
        overlap = check_contamination(data.rows, test.rows, request.contamination)
        if kept is not None:  # what stops a training must not be the test set by another name
            check_contamination(kept.rows, test.rows, request.contamination, of="validation")
    files = files or resolve(place, settings.models, request.base, request.base_model)
    tokenizer = loading.load_tokenizer(files.folder)
    config = plans.read_config(files.folder, request.architecture)

    def rendered(found: Rows, weights: str | None = None) -> Rendered:
        return _rendered(found, tokenizer, request.settings.rendering, config, weights)

    own = rendered(data, request.settings.loss_weights)
    validation = rendered(kept) if kept is not None else None
    machine = machine or this_machine(settings)
    longest = max(found.counts.longest for found in (own, validation) if found is not None)
    asked, plan = _planned(machine, config, own, request.settings, longest, request.seed)
    request = request.model_copy(update={"settings": asked})
    return Prepared(request, files, tokenizer, own, validation, overlap, plan)


def _planned(
    machine: Machine,
    config: PretrainedConfig,
    rendered: Rendered,
    asked: Asked,
    longest: int,
    seed: int = 0,
    new: int = 0,
) -> tuple[Asked, Plan]:
    """The plan, and the settings it is of: packed rows of a model that cannot pack them are padded instead,
    which gives the same numbers. `new`: tokens of each answer that is to be written, at most.
    """
    try:
        if asked.batching != "padded":
            layouts.require_length(config, longest)
        return asked, plans.plan(config, rendered, asked, machine=machine, seed=seed, new=new)
    except NotPackable as error:
        if asked.batching != "packed":  # sharing also says which rows meet in a step
            raise
        log.info("plan.padded", reason=error.detail)
    padded = asked.model_copy(update={"batching": "padded"})
    return padded, plans.plan(config, rendered, padded, machine=machine, seed=seed, new=new)


@dataclass(frozen=True)
class Scored:
    """An evaluation whose rows are tokens, and what it would take; `settings` have the layout that the model
    can compute.
    """

    settings: EvaluationSettings
    tokenizer: PreTrainedTokenizerBase
    data: Rows
    rendered: Rendered
    plan: Plan


def prepare_evaluation(machine: Machine, request: EvaluationRequest, data: Rows, files: ModelFiles) -> Scored:
    """For the model of these files. Raises what is wrong with the request's data or model."""
    tokenizer, config = loading.load_tokenizer(files.folder), plans.read_config(files.folder)
    rendered = _rendered(data, tokenizer, request.settings.rendering, config)
    new = 0
    if request.answers is not None:
        require_prompts(data.rows, rendered.examples)
        new = request.answers.max_new_tokens
    asked, plan = _planned(machine, config, rendered, request.settings, rendered.counts.longest, new=new)
    if request.gradients is not None:
        plan = _with_gradients(plan, machine, config, rendered, asked, request.gradients)
    return Scored(asked, tokenizer, data, rendered, plan)


def _with_gradients(
    plan: Plan,
    machine: Machine,
    config: PretrainedConfig,
    rendered: Rendered,
    asked: EvaluationSettings,
    gradients: GradientSettings,
) -> Plan:
    """The plan with a backward pass over the rows whose gradients are wanted: it takes what one epoch of LoRA
    on them would, padded."""
    rows = sampled(rendered.examples, gradients)
    like = TrainingSettings(
        lora=LoraSettings(target_modules="all-linear"),
        epochs=1,
        rows_per_step=max(1, len(rows)),
        loss_on=asked.loss_on,
        batching="padded",
        micro_batch_tokens=asked.micro_batch_tokens,
        precision=asked.precision,
    )
    taught = plans.plan(config, replace(rendered, examples=tuple(rows)), like, machine=machine)
    heavier = max(plan, taught, key=lambda found: found.memory_bytes.expected)
    return plan.model_copy(
        update={
            "seconds": Range(
                expected=plan.seconds.expected + taught.seconds.expected,
                low=plan.seconds.low + taught.seconds.low,
                high=plan.seconds.high + taught.seconds.high,
            ),
            "computed_tokens": plan.computed_tokens + taught.computed_tokens,
            "memory_bytes": heavier.memory_bytes,
            "fits": plan.fits and taught.fits,
            "advice": [*plan.advice, *taught.advice],
        }
    )


def _rendered(
    data: Rows,
    tokenizer: PreTrainedTokenizerBase,
    wanted: RenderingSettings,
    config: PretrainedConfig,
    weights: str | None = None,
) -> Rendered:
    limit, known = loading.config_context_length(config), loading.vocabulary(config)
    return render(
        data.rows,
        tokenizer,
        wanted,
        context_length=limit,
        contexts=data.contexts,
        vocabulary=known,
        weights=weights,
    )


def require_fit(plan: Plan) -> None:
    """Raises OutOfMemory, with a plan that fits, before anything is computed."""
    if not plan.fits:
        raise OutOfMemory(" ".join(plan.advice))
