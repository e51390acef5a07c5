"""A plan for a request: its rows, tokenizer and architecture found, its job laid out, nothing run."""

from __future__ import annotations

from pathlib import Path

from services.trainer.data.datasets import read_rows
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
) -> Plan:
    """The plan, on this machine, of a request whose artifacts are in this store."""
    with own_folder() as folder:
        place = Place(store, Path(folder), weights=False)
        if isinstance(request, TrainingRequest):
            return prepare(settings, request, place, machine=machine).plan
        files = resolve(place, settings.models, request.base, request.model)
        sets = [read_rows(store, test.dataset) for test in request.held_out.values()]
        return together([prepare_evaluation(machine, request, data, files).plan for data in sets])
