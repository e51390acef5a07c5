"""One process of a training that several compute.

    torchrun -m services.trainer.distributed.process PROJECT ARTIFACT TOKEN

Started by torchrun on one machine or by a Kubeflow TrainJob on several; transformers' Trainer finds the
others by torchrun's variables. All that goes in and out lies in the training's scratch in the object store:

remote/request.json   the request, written by the worker
remote/progress.json  the newest progress
checkpoints/…         as of a training in one process
remote/result.tar     the model's files and `trained.json`, written last
remote/error.json     instead, why there is none
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import TypeAdapter
from transformers.utils import logging as transformers_logging

from services.trainer.loop.checkpoints import StoredCheckpoints
from services.trainer.loop.training import Trained
from services.trainer.models.building import Finished
from services.trainer.models.resolving import Place
from services.trainer.operations.computing import compute
from services.trainer.operations.preparing import prepare
from services.trainer.operations.progress import TrainingProgress
from services.trainer.planning.machine import Machine, announce, this_machine
from services.trainer.settings import TrainerSettings
from shared.artifacts import project_store, scratch_store
from shared.contracts.training.requests import TrainingRequest
from shared.errors import GamutError
from shared.folders import own_folder
from shared.store.base import ObjectStore
from shared.store.opening import open_store

REQUEST, PROGRESS = "remote/request.json", "remote/progress.json"
RESULT, ERROR = "remote/result.tar", "remote/error.json"
TRAINED_FILE = "trained.json"
TELL_SECONDS = 2.0
TRAINED = TypeAdapter(Trained)


def main() -> None:
    """Trains; the first process writes what came of it. Exits with 1 for an error that it has written."""
    project, artifact, token = sys.argv[1:4]
    settings = TrainerSettings()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    together = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    machine = this_machine(settings, device_here(settings), together)
    whole = open_store(settings)
    store = project_store(whole, project)
    scratch = scratch_store(store, artifact)
    leads = os.environ.get("RANK", "0") == "0"
    if leads:
        announce(whole, machine)
    with own_folder() as folder:
        try:
            finished = share(settings, machine, store, scratch, artifact, int(token), Path(folder))
        except GamutError as error:
            scratch.put(ERROR, error.problem().model_dump_json().encode(), "application/json")
            sys.exit(1)
        if leads:
            put_result(finished, scratch)


def share(
    settings: TrainerSettings,
    machine: Machine,
    store: ObjectStore,
    scratch: ObjectStore,
    artifact: str,
    token: int,
    folder: Path,
) -> Finished:
    """This process's share of the training; every process ends with the whole model."""
    request = TrainingRequest.model_validate_json(scratch.get(REQUEST))
    return compute(
        settings,
        prepare(settings, request, Place(store, folder), machine=machine),
        StoredCheckpoints(scratch, token, folder),
        artifact=artifact,
        device=device_here(settings),
        progress=_written(scratch),
    )


def device_here(settings: TrainerSettings) -> str:
    """The device of this process: the GPU that torchrun's local rank numbers."""
    device = settings.training_device()
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if device == "cuda" else device


def _written(scratch: ObjectStore) -> Callable[[TrainingProgress], None]:
    """Leaves the newest progress for the worker to tell."""
    last = 0.0

    def tell(progress: TrainingProgress) -> None:
        nonlocal last
        if time.monotonic() - last >= TELL_SECONDS or progress.step == progress.steps:
            last = time.monotonic()
            told = dataclasses.asdict(progress)
            scratch.put(PROGRESS, json.dumps(told).encode(), "application/json")

    return tell


def put_result(finished: Finished, scratch: ObjectStore) -> None:
    """The model's files and what the training came to, as one archive."""
    told = {
        "trained": TRAINED.dump_python(finished.trained, mode="json"),
        "parameters": finished.parameters,
        "trainable_parameters": finished.trainable_parameters,
    }
    path = finished.folder.with_suffix(".tar")
    with tarfile.open(path, "w") as archive:
        archive.add(finished.folder, arcname="model")
        (finished.folder.parent / TRAINED_FILE).write_text(json.dumps(told))
        archive.add(finished.folder.parent / TRAINED_FILE, arcname=TRAINED_FILE)
    scratch.put_file(RESULT, path, "application/x-tar")


def read_result(scratch: ObjectStore, folder: Path) -> Finished | None:
    """What `put_result` left, unpacked into the folder; None when there is nothing."""
    if not any(True for _ in scratch.list(RESULT)):
        return None
    path = folder / "result.tar"
    scratch.get_file(RESULT, path)
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    path.unlink()
    told = json.loads((folder / TRAINED_FILE).read_text())
    trained = TRAINED.validate_python(told["trained"])
    return Finished(folder / "model", trained, told["parameters"], told["trainable_parameters"])


if __name__ == "__main__":
    main()
