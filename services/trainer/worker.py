"""The trainer's worker: `celery -A services.trainer.worker worker -Q train --pool solo`."""

from __future__ import annotations

import gc

import torch
from celery import Celery
from transformers.utils import logging as transformers_logging

from services.trainer.bundles.waiting import WaitingTrainings
from services.trainer.operations.handlers import handlers
from services.trainer.planning.machine import announce, this_machine
from services.trainer.settings import TrainerSettings
from shared.assembly import connect, lazy_app, make_worker

PACKAGES = ("torch", "transformers", "peft", "accelerate", "tokenizers")


def _quiet(settings: TrainerSettings) -> None:
    """The job's progress is told through the job: no bars on the worker's log."""
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)


def create_worker() -> Celery:
    settings = TrainerSettings()
    _quiet(settings)
    platform = connect(settings)
    if settings.train_job_template is None:  # else the pods train, and say where
        announce(platform.store, this_machine(settings))
    worker = make_worker(settings, handlers(settings, WaitingTrainings.on(platform)), PACKAGES, platform)
    gc.collect()
    gc.freeze()  # the libraries' objects stay: each job's collections need not go through millions of them
    return worker


__getattr__ = lazy_app(create_worker)
