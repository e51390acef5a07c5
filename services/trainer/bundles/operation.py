"""Trainings on one base in one bundle: a `train` job that starts takes in those that wait for the same base.

Each training keeps its own job, its own checkpoint and its own artifact (docs/adr/0020). The one that started
leads: it computes every step of all of them, and leaves each one's states in that one's scratch. A training
that finds its last step there only has to write its artifact.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import structlog
from peft import PeftModel
from transformers import PreTrainedModel

from services.trainer.bundles import bundle, stacking
from services.trainer.bundles.members import Member, MemberState, member
from services.trainer.bundles.waiting import WaitingTrainings
from services.trainer.errors import OutOfMemory
from services.trainer.loop.checkpoints import StoredStates, has_checkpoint
from services.trainer.loop.training import Trained
from services.trainer.models import loading
from services.trainer.models.resolving import Place
from services.trainer.operations.preparing import Prepared, prepare, require_fit
from services.trainer.operations.progress import Surroundings, TrainingProgress
from services.trainer.operations.telling import teller
from services.trainer.planning import plans
from services.trainer.planning.machine import this_machine
from services.trainer.planning.memory import translated_memory_errors
from services.trainer.settings import TrainerSettings
from shared.artifacts import scratch_store
from shared.contracts.jobs import JobRecord
from shared.contracts.training.requests import TrainingRequest
from shared.errors import GamutError
from shared.identity import artifact_id
from shared.jobs.workspace import Signals, Workspace

log = structlog.get_logger(__name__)
TELL_SECONDS = 0.5


@dataclass
class MemberJob:
    """A member of the bundle and its job: where its states go; `record` is None for the one that leads."""

    prepared: Prepared
    states: StoredStates
    state: MemberState | None
    record: JobRecord | None = None
    signals: Signals | None = None
    hold: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    """On the member's job; closed as soon as its last step is kept, however long the others go on."""

    @property
    def step(self) -> int:
        """Steps done."""
        return 0 if self.state is None else self.state.step

    def needs(self, settings: TrainerSettings) -> float:
        """Bytes beside the base that all share."""
        asked = self.prepared.request.settings
        return plans.own_bytes(self.prepared.plan, asked, this_machine(settings))

    def member(self, base: PreTrainedModel) -> Member:
        """As the bundle takes it: from its newest state, or from the start its solo run has."""
        asked = self.prepared.request
        start = stacking.fresh_adapter(base, asked.settings.lora, asked.seed)
        examples = self.prepared.rendered.examples
        made = member(self.states.artifact, examples, start, asked.settings, asked.seed)
        if self.state is not None:
            made.restore(self.state)
        if self.signals is not None:
            lost = self.signals.lost
            made.wanted = lambda: not lost.is_set()
        return made


def train_bundled(
    settings: TrainerSettings, leader: Prepared, workspace: Workspace, waiting: WaitingTrainings | None
) -> tuple[PeftModel, Trained] | None:
    """The leader's adapted model and its training; None when the Trainer is to train it alone.

    Raises what the leader's own training raises; what befalls another member is left to its own job.
    """
    if not bundle.bundles(leader.request.settings) or leader.files.adapter is not None:
        return None
    if has_checkpoint(workspace.scratch):
        return None
    states = StoredStates(workspace.store, workspace.artifact_id, workspace.folder)
    first = MemberJob(leader, states, states.latest())
    with contextlib.ExitStack() as held:
        others = list(_others(settings, first, workspace, waiting, held))
        if others:
            try:
                return _train(settings, [first, *others], workspace, waiting)
            except OutOfMemory as error:
                log.warning("training.bundle_did_not_fit", trainings=len(others) + 1, detail=error.detail)
                first.state = states.latest()
    return None if first.state is None else _train(settings, [first], workspace, waiting)


def _others(
    settings: TrainerSettings,
    first: MemberJob,
    workspace: Workspace,
    waiting: WaitingTrainings | None,
    held: contextlib.ExitStack,
) -> Iterator[MemberJob]:
    """Waiting trainings that can be members from where the leader stands: held, and no more than fit."""
    leader = first.prepared
    if waiting is None or first.step == leader.plan.steps:
        return
    room = leader.plan.memory_available - leader.plan.memory_bytes.expected
    seats = settings.bundle - 1
    for record in waiting.queued(workspace.project, TrainingRequest.operation, workspace.job):
        request = TrainingRequest.model_validate(record.request)
        if seats < 1:
            return
        if kind_of(request) != kind_of(leader.request):
            continue
        with contextlib.ExitStack() as hold:
            signals = Signals(threading.Event())
            if not hold.enter_context(waiting.hold(record, signals)):
                continue
            found = _member_job(settings, leader, record, signals, workspace)
            if found is None or found.step != first.step or found.needs(settings) > room:
                continue
            found.hold = held.enter_context(hold.pop_all())
            room, seats = room - found.needs(settings), seats - 1
            yield found


def kind_of(request: TrainingRequest) -> object:
    """Trainings of one kind can share every pass: one base, one adapter shape, one way to compute."""
    settings = request.settings
    shape = ("method", "lora", "loss_on", "batching", "weight_decay", "max_grad_norm", "precision")
    shared = [getattr(settings, name) for name in shape]
    return request.base, request.base_model, settings.micro_batch_tokens, bundle.bundles(settings), *shared


def _member_job(
    settings: TrainerSettings,
    leader: Prepared,
    record: JobRecord,
    signals: Signals,
    workspace: Workspace,
) -> MemberJob | None:
    """A waiting training as a member; None when its own job has something to say about it first."""
    request = TrainingRequest.model_validate(record.request)
    artifact = artifact_id(request)
    if has_checkpoint(scratch_store(workspace.store, artifact)):
        return None
    states = StoredStates(workspace.store, artifact, workspace.folder)
    try:
        place = Place(workspace.store, workspace.folder)
        prepared = prepare(settings, request, place, leader.files)
        require_fit(prepared.plan)
        return MemberJob(prepared, states, states.latest(), record, signals)
    except GamutError as error:
        log.info("training.not_joined", job=record.id, reason=error.reason)
        return None


def _train(
    settings: TrainerSettings,
    jobs: Sequence[MemberJob],
    workspace: Workspace,
    waiting: WaitingTrainings | None,
) -> tuple[PeftModel, Trained]:
    leader, asked = jobs[0].prepared, jobs[0].prepared.request.settings
    device = settings.training_device()
    workspace.progress(0, note="loading the base model")
    with translated_memory_errors():
        precision = loading.precision_of(asked.precision, device)
        base = loading.load_base(leader.files.folder, precision=precision, device=device)
        members = [one.member(base) for one in jobs]
        by_name = {one.states.artifact: one for one in jobs}

        def keep(one: Member, state: MemberState) -> None:
            job = by_name[one.name]
            job.states.save(state)
            if one.done:
                job.hold.close()

        around = Surroundings(progress=_teller(jobs, members, workspace, waiting), check=workspace.check)
        log.info("training.bundled", trainings=len(members), step=len(members[0].curve))
        trained = bundle.train_bundle(base, members, asked, around, keep)
    if members[0].error is not None:
        raise members[0].error
    assert members[0].weights is not None
    return stacking.as_peft(base, asked.lora, members[0].weights), trained[0]


def _teller(
    jobs: Sequence[MemberJob],
    members: Sequence[Member],
    workspace: Workspace,
    waiting: WaitingTrainings | None,
) -> Callable[[TrainingProgress], None]:
    """Tells every job its own progress: the leader's at each step, the others' now and then."""
    last = 0.0
    tell_leader = teller(workspace)
    note = "training" if len(members) == 1 else f"training in a bundle of {len(members)}"

    def tell(progress: TrainingProgress) -> None:
        nonlocal last
        first = members[0]
        loss = first.curve[-1].loss if first.curve else progress.loss
        of_leader = replace(
            progress, step=len(first.curve), steps=len(first.plan), tokens=first.tokens, loss=loss
        )
        tell_leader(of_leader, note)
        now = time.monotonic()
        if waiting is None or now - last < TELL_SECONDS:
            return
        last = now
        for one, its in zip(jobs, members, strict=True):
            if one.record is not None and its.wanted() and not its.done:
                waiting.tell(one.record.id, len(its.curve), len(its.plan), workspace.job)

    return tell
