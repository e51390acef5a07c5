"""A training that other processes compute, seen from the worker: started, told about, stopped, fetched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import structlog

from services.trainer.distributed.process import ERROR, PROGRESS, REQUEST, read_result
from services.trainer.models.building import Finished
from services.trainer.operations.preparing import Prepared
from services.trainer.operations.progress import TrainingProgress
from services.trainer.operations.telling import teller
from services.trainer.settings import TrainerSettings
from shared.contracts.problems import Problem
from shared.errors import GamutError, Reason
from shared.jobs.workspace import Cancelled, Workspace
from shared.store.base import ObjectNotFound, ObjectStore

log = structlog.get_logger(__name__)
ROOT = Path(__file__).parents[3]
State = Literal["running", "done", "failed"]


class ProcessesLost(GamutError):
    """The processes of this training ended without a result and without a reason; their log may tell. The
    training is tried again from its last checkpoint."""

    code = "processes_lost"
    reason = Reason.WORKER_LOST


class Processes(Protocol):
    """Whatever runs `services.trainer.distributed.process` for a training."""

    poll_seconds: float

    def start(self, project: str, artifact: str, token: int) -> None:
        """Starts them, or finds them running."""

    def state(self) -> State:
        """How they stand."""

    def stop(self) -> None:
        """Ends them for good: nobody wants the result."""

    def leave(self) -> None:
        """This worker goes; the next one starts or finds them."""


def train_elsewhere(processes: Processes, prepared: Prepared, workspace: Workspace) -> Finished:
    """Raises what the training raised there, ProcessesLost, and what `workspace.check` raises."""
    scratch = workspace.scratch
    found = read_result(scratch, workspace.folder)
    if found is not None:  # an earlier worker left before it was fetched
        return found
    scratch.delete(ERROR)
    scratch.put(REQUEST, prepared.request.model_dump_json().encode(), "application/json")
    pause, tell = threading.Event(), teller(workspace)
    try:
        processes.start(workspace.project, workspace.artifact_id, workspace.token)
        while (state := processes.state()) == "running":
            _relay(scratch, workspace, tell)
            pause.wait(processes.poll_seconds)
    except Cancelled:
        processes.stop()
        raise
    except BaseException:
        processes.leave()
        raise
    log.info("training.elsewhere_ended", state=state)
    return _fetched(scratch, workspace, processes)


def _fetched(scratch: ObjectStore, workspace: Workspace, processes: Processes) -> Finished:
    found = read_result(scratch, workspace.folder)
    if found is not None:
        return found
    processes.stop()  # what failed does not stand in the way of another attempt
    try:
        raise told_error(Problem.model_validate_json(scratch.get(ERROR)))
    except ObjectNotFound:
        raise ProcessesLost from None


def told_error(problem: Problem) -> GamutError:
    """The error that another process wrote down."""
    known: list[type[GamutError]] = [GamutError]
    for kind in known:
        known += kind.__subclasses__()
    kind = next((kind for kind in known if kind.code == problem.code), GamutError)
    error = kind.__new__(kind)
    GamutError.__init__(error, problem.detail, problem.errors)
    return error


def _relay(scratch: ObjectStore, workspace: Workspace, tell: Callable[[TrainingProgress], None]) -> None:
    try:
        tell(TrainingProgress(**json.loads(scratch.get(PROGRESS))))
    except ObjectNotFound:
        workspace.progress(0, note="starting processes")


class Torchrun:
    """Several processes of this machine, one to a GPU, by torch's own launcher."""

    poll_seconds = 0.5

    def __init__(self, settings: TrainerSettings) -> None:
        self.processes = settings.processes
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, project: str, artifact: str, token: int) -> None:
        launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={self.processes}"]
        training = ["-m", "services.trainer.distributed.process", project, artifact, str(token)]
        self._child = subprocess.Popen(
            [sys.executable, *launcher, *training], cwd=ROOT, start_new_session=True, stdin=subprocess.DEVNULL
        )

    def state(self) -> State:
        assert self._child is not None
        status = self._child.poll()
        return "running" if status is None else "done" if status == 0 else "failed"

    def stop(self) -> None:
        if self._child is not None and self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def leave(self) -> None:
        """They lean on this machine, which is going: their checkpoints stay."""
        self.stop()
