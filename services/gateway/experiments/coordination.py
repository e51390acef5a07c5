"""Runs an experiment: short looks at it, each of which may be the last one this process makes.

A look reads which jobs have ended, submits those whose inputs are whole, and returns; the end of any of them
wakes the next look. The truth is in the jobs' own records and in the artifacts, so a look can be repeated,
interrupted, or made by another process.
"""

from __future__ import annotations

import json
from collections import OrderedDict

import structlog

from services.gateway.catalogue import Catalogue
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.look import READ_SECONDS, Look, Memory
from services.gateway.experiments.spending import charges
from services.gateway.experiments.standing import Standing
from services.gateway.jobs.cancellation import Cancellation
from shared.assembly import Platform
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.jobs import JobRecord, JobState
from shared.errors import RETRIED, Conflict, GamutError, Reason
from shared.identity import job_id
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.jobs.running import Ended, Paused, Waiting
from shared.jobs.submission import Submission
from shared.jobs.workspace import Cancelled, Workspace

log = structlog.get_logger(__name__)
REMEMBERED = 64


class Coordinator:
    """The handler of `ExperimentRequest`."""

    def __init__(
        self,
        records: JobRecords,
        live: LiveJobs,
        submission: Submission,
        cancellation: Cancellation,
        catalogue: Catalogue,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._records = records
        self._live = live
        self._submission = submission
        self._cancellation = cancellation
        self._catalogue = catalogue
        self._read_seconds = read_seconds
        self._memories: OrderedDict[str, Memory] = OrderedDict()

    @classmethod
    def on(cls, platform: Platform, catalogue: Catalogue) -> Coordinator:
        cancellation = Cancellation(platform.records, platform.live, platform.sender)
        return cls(platform.records, platform.live, platform.submission, cancellation, catalogue)

    def advance(self, request: ExperimentRequest, workspace: Workspace) -> Waiting | Paused | Ended:
        """One look. Raises `InvalidRecipe` for a recipe that can no longer be expanded."""
        record = self._records.get(workspace.job)
        memory = self._memory(record, request, workspace)
        try:
            if record.state is JobState.CANCELLING:
                raise Cancelled
            look = Look(
                self._records,
                self._live,
                self._submission,
                memory,
                workspace,
                self._read_seconds,
                request.budget,
            )
            outcome = look.take()
        except Cancelled:
            self._cancel_jobs(memory.standing, workspace)
            outcome = Ended(JobState.CANCELLED, reason=Reason.CANCELLED)
        except GamutError as error:
            if error.reason not in RETRIED:
                raise
            log.warning("experiment.look_failed", reason=error.reason, detail=error.detail)
            return Waiting()  # nothing is lost: the reconciler has it looked at again
        if isinstance(outcome, Ended):
            self._memories.pop(workspace.job, None)
        return outcome

    def _memory(self, record: JobRecord, request: ExperimentRequest, workspace: Workspace) -> Memory:
        memory = self._memories.get(record.id)
        if memory is None or memory.run != record.resubmissions:
            memory = Memory(record.resubmissions, Standing(expand(request, self._catalogue)))
            memory.charges.update(charges(workspace.scratch))
            for found in workspace.scratch.list(f"submitted/{memory.run}/"):
                memory.submitted.update(json.loads(workspace.scratch.get(found.key))["submitted"])
        self._memories[record.id] = memory
        self._memories.move_to_end(record.id)
        while len(self._memories) > REMEMBERED:
            self._memories.popitem(last=False)
        return memory

    def _cancel_jobs(self, standing: Standing, workspace: Workspace) -> None:
        """Cancel what this experiment has under way, except what another one waits for too."""
        for node in standing.plan.nodes.values():
            if standing.states[node.key].settled:
                continue
            job = job_id(workspace.project, standing.requests.get(node.key, node.request))
            found = self._records.find(job)
            if found is None or found.state.ended or self._is_wanted(job, workspace.job):
                continue
            try:
                self._cancellation.cancel(job)
            except Conflict:  # it has just ended
                continue

    def _is_wanted(self, job: str, by_other_than: str) -> bool:
        others = self._live.waiting_for(job) - {by_other_than}
        return any((found := self._records.find(other)) and not found.state.ended for other in others)
