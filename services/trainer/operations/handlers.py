"""Every operation of this service, by the class of its request."""

from __future__ import annotations

from functools import partial

from services.trainer.bundles.waiting import WaitingTrainings
from services.trainer.operations.evaluate import make_evaluation
from services.trainer.operations.merge import make_merge
from services.trainer.operations.train import make_training
from services.trainer.settings import TrainerSettings
from shared.contracts.training.merging import MergeRequest
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.jobs.running import Handlers


def handlers(settings: TrainerSettings, waiting: WaitingTrainings | None = None) -> Handlers:
    """What this worker makes of each request. Without `waiting` every training is alone."""
    return {
        TrainingRequest: partial(make_training, settings, waiting=waiting),
        MergeRequest: partial(make_merge, settings),
        EvaluationRequest: partial(make_evaluation, settings),
    }
