"""The trainer's worker: `celery -A services.trainer.worker worker -Q train --pool solo`."""

from __future__ import annotations

from functools import partial

import torch
from transformers.utils import logging as transformers_logging

from services.trainer.bundles.companions import Companions
from services.trainer.operations.evaluate import make_evaluation
from services.trainer.operations.train import make_training
from services.trainer.planning.machine import announce, this_machine
from services.trainer.settings import TrainerSettings
from shared.assembly import connect, make_worker
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.jobs.running import Handlers

PACKAGES = ("torch", "transformers", "peft", "accelerate", "tokenizers")


def handlers(settings: TrainerSettings, companions: Companions | None = None) -> Handlers:
    """What this worker makes of each request. Without `companions` every training is alone."""
    return {
        TrainingRequest: partial(make_training, settings, companions),
        EvaluationRequest: partial(make_evaluation, settings),
    }


def _quiet(settings: TrainerSettings) -> None:
    """The job's progress is told through the job: no bars on the worker's log."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)


settings = TrainerSettings()
_quiet(settings)
platform = connect(settings)
if settings.train_job_template is None:  # else the pods train, and say where
    announce(platform.store, this_machine(settings))
app = make_worker(settings, handlers(settings, Companions.on(platform)), PACKAGES, platform)
