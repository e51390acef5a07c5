"""A plan for a request: its rows, tokenizer and architecture found, its job laid out, nothing run."""

from __future__ import annotations

from pathlib import Path

from transformers import PreTrainedTokenizerBase

from services.trainer.data.datasets import read_rows
from services.trainer.data.rendering import Rendered
from services.trainer.data.showing import shown_row
from services.trainer.models.resolving import Place, resolve
from services.trainer.operations.preparing import prepare, prepare_evaluation
from services.trainer.planning.costs import together
from services.trainer.planning.machine import Machine
from services.trainer.settings import TrainerSettings
from shared.contracts.training.plans import Plan
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.folders import own_folder
from shared.store.base import ObjectStore


def price(
    settings: TrainerSettings,
    store: ObjectStore,
    request: TrainingRequest | EvaluationRequest,
    machine: Machine,
    *,
    shown: int = 0,
) -> Plan:
    """The plan, on this machine, of a request whose artifacts are in this store, with so many of its rows as
    the model reads them."""
    with own_folder() as folder:
        place = Place(store, Path(folder), weights=False)
        if isinstance(request, TrainingRequest):
            training = prepare(settings, request, place, machine=machine)
            return _with_rows(training.plan, training.rendered, training.tokenizer, shown)
        files = resolve(place, settings.models, request.base, request.model)
        sets = [read_rows(store, test.dataset) for test in request.held_out.values()]
        scored = [prepare_evaluation(machine, request, data, files) for data in sets]
        plan = together([one.plan for one in scored])
        return _with_rows(plan, scored[0].rendered, scored[0].tokenizer, shown)


def _with_rows(plan: Plan, rendered: Rendered, tokenizer: PreTrainedTokenizerBase, shown: int) -> Plan:
    rows = [shown_row(example, tokenizer) for example in rendered.examples[:shown]]
    return plan.model_copy(update={"examples": rows})
