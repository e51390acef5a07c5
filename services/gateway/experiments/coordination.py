"""Runs an experiment in short passes, each of which may be the last one that this process makes.

A pass reads which jobs have ended, submits those whose inputs exist, and returns; the end of any job starts
the next pass. The truth is in the jobs' own records and in the artifacts, so a pass can be repeated,
interrupted, or made by another process.
"""

from __future__ import annotations

import json
from collections import OrderedDict

import structlog

from services.gateway.catalogue import Catalogue
from services.gateway.experiments.calls import AskedCalls, FewestCalls
from services.gateway.experiments.coordination_pass import READ_SECONDS, CoordinationPass, CoordinatorCache
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.plan_state import PlanState
from services.gateway.experiments.spending import charges
from services.gateway.jobs.cancellation import Cancellation
from services.gateway.settings import GatewaySettings
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
        fewest_calls: FewestCalls,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self._records = records
        self._live = live
        self._submission = submission
        self._cancellation = cancellation
        self._catalogue = catalogue
        self._fewest_calls = fewest_calls
        self._read_seconds = read_seconds
        self._caches: OrderedDict[str, CoordinatorCache] = OrderedDict()

    @classmethod
    def on(cls, platform: Platform, catalogue: Catalogue, settings: GatewaySettings) -> Coordinator:
        cancellation = Cancellation(platform.records, platform.live, platform.sender)
        return cls(
            platform.records,
            platform.live,
            platform.submission,
            cancellation,
            catalogue,
            AskedCalls(settings),
        )

    def advance(self, request: ExperimentRequest, workspace: Workspace) -> Waiting | Paused | Ended:
        """One pass. Raises `InvalidRecipe` for a recipe that can no longer be expanded."""
        record = self._records.get(workspace.job)
        cache = self._cache(record, request, workspace)
        try:
            if record.state is JobState.CANCELLING:
                raise Cancelled
            outcome = CoordinationPass(
                self._records,
                self._live,
                self._submission,
                cache,
                workspace,
                self._fewest_calls,
                self._read_seconds,
                request.budget,
            ).run()
        except Cancelled:
            self._cancel_jobs(cache.state, workspace)
            outcome = Ended(JobState.CANCELLED, reason=Reason.CANCELLED)
        except GamutError as error:
            if error.reason not in RETRIED:
                raise
            log.warning("experiment.pass_failed", reason=error.reason, detail=error.detail)
            return Waiting()  # nothing is lost: the reconciler starts another pass
        if isinstance(outcome, Ended):
            self._caches.pop(workspace.job, None)
        return outcome

    def _cache(self, record: JobRecord, request: ExperimentRequest, workspace: Workspace) -> CoordinatorCache:
        cache = self._caches.get(record.id)
        if cache is None or cache.run != record.resubmissions:
            cache = CoordinatorCache(record.resubmissions, PlanState(expand(request, self._catalogue)))
            cache.charges.update(charges(workspace.scratch))
            for found in workspace.scratch.list(f"submitted/{cache.run}/"):
                cache.submitted.update(json.loads(workspace.scratch.get(found.key))["submitted"])
        self._caches[record.id] = cache
        self._caches.move_to_end(record.id)
        while len(self._caches) > REMEMBERED:
            self._caches.popitem(last=False)
        return cache

    def _cancel_jobs(self, state: PlanState, workspace: Workspace) -> None:
        """Cancel what this experiment has under way, except what another one waits for too."""
        for node in state.plan.nodes.values():
            if state.states[node.key].settled:
                continue
            job = job_id(workspace.project, state.requests.get(node.key, node.request))
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
