"""What a training or an evaluation would take: its plan, on rows that exist where its own do not yet."""

from __future__ import annotations

from typing import Any

from services.trainer.operations.plan import price
from services.trainer.planning.machine import Machine
from services.trainer.settings import TrainerSettings
from shared.contracts.estimates import Coming, JobEstimate
from shared.contracts.fields import Range
from shared.contracts.training.merging import MergeRequest
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.errors import InputMissing
from shared.estimates import KnownInputs, like_other_rows


def estimate(
    settings: TrainerSettings,
    machine: Machine,
    request: TrainingRequest | EvaluationRequest,
    known: KnownInputs,
) -> JobEstimate:
    """Raises what is wrong with the request, and `InputMissing` for what is to come and is like nothing that
    exists."""
    makes, grows_with_rows = Coming(), True
    if isinstance(request, TrainingRequest):
        asked, makes = _training(request, known)
        grows_with_rows = request.settings.max_steps is None
        plan = price(settings, known.store, asked, machine)
    else:
        plan = price(settings, known.store, _evaluation(request, known), machine)
    seconds = Range(low=plan.seconds.low, expected=plan.seconds.expected, high=plan.seconds.high)
    dataset = request.dataset
    if dataset is not None and known.is_coming(dataset) and grows_with_rows:
        seconds = like_other_rows(seconds, _times_as_many(dataset, known))
    return JobEstimate(seconds=seconds, makes=makes, details=plan)


def estimate_merge(request: MergeRequest, known: KnownInputs) -> JobEstimate:
    """Reading and writing adapters, which are small: no base is loaded."""
    base = next((found for part in request.parts if (found := _base(None, part.model, known))), None)
    each = len(request.parts)
    seconds = Range(low=0.02 * each, expected=0.1 + 0.1 * each, high=2.0 + 2.0 * each)
    return JobEstimate(seconds=seconds, makes=Coming(base=base))


def _times_as_many(dataset: str, known: KnownInputs) -> float:
    """Rows that a dataset will have for each row of the one that it is like."""
    coming, there = known.rows(dataset), known.rows(known.like(dataset))
    return coming / there if coming and there else 1.0


def _training(request: TrainingRequest, known: KnownInputs) -> tuple[TrainingRequest, Coming]:
    base = _base(request.base, request.base_model, known)
    changes: dict[str, str | None] = {"dataset": known.like(request.dataset), "test": None}
    if request.validation is not None:
        changes["validation"] = known.like(request.validation)
    if known.is_coming(request.base_model):
        changes |= {"base": _required(base, request.base_model), "base_model": None}
    makes = Coming(base=None if request.architecture else base)
    asked = request.model_copy(update=changes)
    if known.is_coming(request.dataset):  # rows that theirs are like need not have their weights
        alike = request.settings.model_copy(update={"loss_weights": None})
        asked = asked.model_copy(update={"settings": alike})
    return asked, makes


def _evaluation(request: EvaluationRequest, known: KnownInputs) -> EvaluationRequest:
    changes: dict[str, Any] = {"compare": None}
    if request.dataset is not None:
        changes["dataset"] = known.like(request.dataset)
    if request.tests is not None:
        changes["tests"] = {
            name: test.model_copy(update={"dataset": known.like(test.dataset)})
            for name, test in request.tests.items()
        }
    if known.is_coming(request.model):
        base = _base(request.base, request.model, known)
        changes |= {"base": _required(base, request.model), "model": None}
    return request.model_copy(update=changes)


def _base(base: str | None, model: str | None, known: KnownInputs) -> str | None:
    """The base that a model is an adapter of, or that has its architecture; None where nobody knows."""
    if base is not None or model is None:
        return base
    manifest = known.find(model)
    if manifest is None:
        return known.coming.get(model, Coming()).base
    found = manifest.summary.get("base")
    return str(found) if found else None


def _required(base: str | None, model: str | None) -> str:
    if base is None:
        raise InputMissing(f"{model} does not exist yet, and on which base it will stand is not known")
    return base
