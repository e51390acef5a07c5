"""One pass over an experiment: read which jobs have ended, submit those that can start, tell its progress."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from services.gateway.experiments.calls import FewestCalls
from services.gateway.experiments.plan import GateStopped, Node
from services.gateway.experiments.plan_state import BudgetSpent, DependencyFailed, NodeState, PlanState
from services.gateway.experiments.spending import (
    Charge,
    allowance,
    charge,
    exceeded,
    may_exceed,
    taken,
    total,
)
from shared.artifacts import find_manifest
from shared.contracts.base import JobRequest
from shared.contracts.experiment import ExperimentBudget
from shared.contracts.jobs import JobRecord, JobState
from shared.errors import RETRIED, GamutError, Reason
from shared.identity import artifact_id, job_id
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.jobs.running import Ended, Paused, Waiting
from shared.jobs.spending import larger
from shared.jobs.submission import Submission
from shared.jobs.workspace import Workspace

READ_SECONDS = 4.0
"""After so long every job under way is read, in case the wake-up of one was lost."""
NODES_REPORTED = 300
"""The progress of a larger experiment has no list of its nodes: counts by step only."""


@dataclass
class CoordinatorCache:
    """What one process knows of one experiment since it was last posted: saves reading again what cannot
    change any more."""

    run: int
    state: PlanState
    jobs: dict[str, str] = field(default_factory=dict)
    """Node → job, of the nodes that were submitted."""
    under_way: dict[str, str] = field(default_factory=dict)
    """Those of them that have not ended."""
    submitted: set[str] = field(default_factory=set)
    """Jobs submitted in this run: one of these that failed is not tried again."""
    charges: dict[str, Charge] = field(default_factory=dict)
    """Under a budget, the jobs of any run that had something to do: what they take is its cost."""
    costs: dict[str, dict[str, float]] = field(default_factory=dict)
    """What each of those took, as far as they have ended and were read."""
    read_at: float = 0.0
    reported: tuple[dict[str, Any], str] | None = None
    """The nodes and the note of the last progress that was written."""


@dataclass(frozen=True)
class CoordinationPass:
    """`fewest_calls` says how few calls to sources a job can make, None while that is unknown."""

    records: JobRecords
    live: LiveJobs
    submission: Submission
    cache: CoordinatorCache
    workspace: Workspace
    fewest_calls: FewestCalls
    read_seconds: float = READ_SECONDS
    budget: ExperimentBudget | None = None

    def run(self) -> Waiting | Paused | Ended:
        """Raises `Cancelled` between two jobs when the experiment is to stop."""
        before = set(self.cache.submitted)
        spent = None
        held: set[str] = set()
        unknown: list[str] = []
        try:
            self._read()
            budget = allowance(self.workspace.scratch, self.budget) if self.budget else None
            while node := self.cache.state.next_startable(held):
                self.workspace.check()
                if self._is_stopped(node):
                    continue
                request = self.cache.state.requests[node.key]
                if budget and self._costs_more(request):
                    coming = self._calls_to_come(budget, request)
                    if coming is None:
                        unknown.append(node.key)
                    elif spent := exceeded(budget, self._spent(), coming):
                        break
                    if coming is None or self._may_exceed(budget, request):
                        held.add(node.key)
                        continue
                self._submit(node)
        finally:
            self._write_submitted(self.cache.submitted - before)
        self._report(_note(self.cache.state, spent, unknown))
        if spent and not self.cache.under_way:
            return Paused(Reason.BUDGET_EXHAUSTED, BudgetSpent(f"{spent}. {BudgetSpent.__doc__}"))
        return outcome(self.cache.state) if self.cache.state.ended else Waiting()

    def _is_stopped(self, node: Node) -> bool:
        """Whether its gate closes, or cannot be looked through."""
        state = self.cache.state
        if node.gate is None:
            return False
        measured = state.made[node.gate.measured]
        manifest = find_manifest(self.workspace.store, measured) if isinstance(measured, str) else None
        value = manifest.figure(node.gate.rule.metric) if manifest else None
        if value is None:
            lacking = f"{node.gate.measured} has no value {node.gate.rule.metric!r}"
            state.failed(node.key, f"its gate cannot be decided: {lacking}")
            return True
        why = node.gate.rule.why(value)
        if why is not None:
            state.stopped(node.key, why)
        return why is not None

    def _costs_more(self, following: JobRequest) -> bool:
        """One that exists, or runs for others, costs nothing."""
        known = self.records.find(job_id(self.workspace.project, following))
        return known is None or (known.state.ended and not self._stands(known))

    def _stands(self, known: JobRecord) -> bool:
        """Whether it succeeded, and what it made was not set aside since."""
        return known.state is JobState.SUCCEEDED and (
            known.artifact is None or find_manifest(self.workspace.store, known.artifact) is not None
        )

    def _under_way(self) -> list[JobRequest]:
        return [self.cache.state.requests[key] for key in self.cache.under_way]

    def _may_exceed(self, budget: ExperimentBudget, following: JobRequest) -> bool:
        """Whether it has to wait until it is known what the jobs under way leave of the budget."""
        cache = self.cache
        usual: dict[str, dict[str, float]] = {}
        made = cache.state.made
        for key in sorted(made, key=lambda key: made[key] is None):
            cost = cache.costs.get(cache.jobs.get(key, ""))
            if cost is None:
                continue
            operation = cache.state.requests[key].operation
            if made[key] is not None or operation in usual:  # a failed one tells how much, not how little
                usual[operation] = larger(usual.get(operation, {}), cost)
        return may_exceed(budget, self._spent(), self._under_way(), following, usual)

    def _calls_to_come(self, budget: ExperimentBudget, following: JobRequest) -> int | None:
        """Calls that the job and those under way make at least, under a budget of calls; None while that of
        one of them is unknown. A job that makes none itself waits for nobody's."""
        project = self.workspace.project
        own = self.fewest_calls(project, following) if budget.calls is not None else 0
        if own == 0:
            return 0
        if own is not None:  # answers of earlier attempts are kept, and counted as spent
            made = taken(self.workspace.store, artifact_id(following)).get("calls", 0.0)
            own = max(0, own - round(made))
        found = [own, *(self.fewest_calls(project, request) for request in self._under_way())]
        known = [calls for calls in found if calls is not None]
        return sum(known) if len(known) == len(found) else None

    def _spent(self) -> dict[str, float]:
        """By all jobs that it pays for and that are not under way, however they ended."""
        cache = self.cache
        for job in cache.charges.keys() - cache.costs.keys() - set(cache.under_way.values()):
            cache.costs[job] = taken(self.workspace.store, cache.charges[job].artifact)
        return total(cache.charges[job].part_of(cost) for job, cost in cache.costs.items())

    def _read(self) -> None:
        """The records of the jobs whose end woke us and, now and then, of all that are under way."""
        ended = self.live.take_ended(self.workspace.job)
        due = time.monotonic() - self.cache.read_at >= self.read_seconds
        for key, job in list(self.cache.under_way.items()):
            if job in ended or due:
                if due:  # Redis may have forgotten that this experiment waits for the job; written before
                    # the job is read, so that an end in between wakes the experiment all the same
                    self.live.wake_on_end(job, self.workspace.job)
                self._settle(key, self.records.get(job))
        if due:
            self.cache.read_at = time.monotonic()

    def _submit(self, node: Node) -> None:
        self.workspace.check()
        state = self.cache.state
        request = state.requests[node.key]
        job = job_id(self.workspace.project, request)
        self.live.wake_on_end(job, self.workspace.job)
        if job in self.cache.submitted and (known := self.records.find(job)):
            self._settle(node.key, known)
            return
        self._will_pay(job, request)
        try:
            record = self.submission.submit(self.workspace.project, request, self.workspace.key)
        except GamutError as error:
            if error.reason in RETRIED:
                raise
            state.failed(node.key, error.detail)
            return
        self.cache.submitted.add(job)
        self._settle(node.key, record)

    def _will_pay(self, job: str, request: JobRequest) -> None:
        """Under a budget, writes before the job is sent that this experiment pays for it: should this process
        die right after, what the job takes is charged all the same, even if it has ended by the time that
        another process coordinates the experiment."""
        if self.budget is None or job in self.cache.charges:
            return
        known = self.records.find(job)
        artifact = artifact_id(request)
        if known is None and find_manifest(self.workspace.store, artifact) is not None:
            return
        if known is not None and self._stands(known):
            return
        found = Charge(artifact, taken(self.workspace.store, artifact))
        charge(self.workspace.scratch, job, found)
        self.cache.charges[job] = found

    def _settle(self, key: str, record: JobRecord) -> None:
        state = self.cache.state
        self.cache.jobs[key] = record.id
        self.cache.costs.pop(record.id, None)
        if not record.state.ended:
            self.cache.under_way[key] = record.id
            state.running(key)
            return
        self.cache.under_way.pop(key, None)
        if record.artifact is not None:
            state.succeeded(key, record.artifact)
        elif record.state is JobState.CANCELLED:
            state.cancelled(key)
        else:
            state.failed(key, record.error.detail if record.error else f"its job {record.state}")

    def _write_submitted(self, jobs: set[str]) -> None:
        """Written after the jobs were sent. A job that is missing from this list, as the process died in
        between, may be tried once more if it fails."""
        if jobs:
            name = f"submitted/{self.cache.run}/{secrets.token_hex(8)}.json"
            kept = json.dumps({"submitted": sorted(jobs)}).encode()
            self.workspace.scratch.put(name, kept, "application/json")

    def _report(self, note: str) -> None:
        state = self.cache.state
        nodes = {
            key: {"state": state.value, "job": self.cache.jobs.get(key)}
            for key, state in state.states.items()
        }
        if (nodes, note) == self.cache.reported:
            return
        self.cache.reported = (nodes, note)
        detail: dict[str, Any] = {"steps": state.steps()}
        if len(nodes) <= NODES_REPORTED:
            detail["nodes"] = nodes
        self.workspace.progress(
            state.settled,
            len(nodes),
            "jobs",
            note=note,
            ok=len(state.in_state(NodeState.SUCCEEDED)),
            failed=len(state.in_state(NodeState.FAILED)),
            **detail,
        )


def outcome(state: PlanState) -> Ended:
    """How an experiment ends of which nothing is under way any more."""
    made = state.made[state.plan.report.key]
    report = made if isinstance(made, str) else None
    missing = state.missing()
    if missing is None and isinstance(made, GateStopped):
        missing = DependencyFailed(f"nothing is left to report: {made.why}")
    if missing is None:
        return Ended(JobState.SUCCEEDED, report)
    ended = JobState.PARTIALLY_SUCCEEDED if report else JobState.FAILED
    return Ended(ended, report, Reason.DEPENDENCY_FAILED, missing)


def _note(state: PlanState, spent: str | None, unknown: Sequence[str]) -> str:
    """What the progress says: why nothing more is started, else what is under way. `unknown`: jobs that are
    held back as nobody says how many calls they make."""
    if spent:
        return f"budget spent: {spent}"
    if unknown:
        return (
            f"held: how many calls {unknown[0]} makes is not known, as the generator service does not "
            "answer. It is asked again; an administrator sets GAMUT_GENERATOR_URL for the coordinator"
        )
    under_way = state.in_state(NodeState.RUNNING)
    more = f" and {len(under_way) - 3} more" if len(under_way) > 3 else ""
    return f"under way: {', '.join(under_way[:3])}{more}" if under_way else ""
