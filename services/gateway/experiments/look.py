"""One look at an experiment: read what has ended, submit what can start, say how it stands."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from services.gateway.experiments.plan import Node, Stopped
from services.gateway.experiments.spending import (
    Charge,
    allowance,
    charge,
    exceeded,
    may_exceed,
    taken,
    total,
)
from services.gateway.experiments.standing import BudgetSpent, DependencyFailed, NodeState, Standing
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
NODES_TOLD = 300
"""A larger experiment tells its progress by step only."""


@dataclass
class Memory:
    """What one process knows of one experiment since it was last posted: saves reading again what cannot
    change any more."""

    run: int
    standing: Standing
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
    told: Any = None


@dataclass(frozen=True)
class Look:
    records: JobRecords
    live: LiveJobs
    submission: Submission
    memory: Memory
    workspace: Workspace
    read_seconds: float = READ_SECONDS
    budget: ExperimentBudget | None = None

    def take(self) -> Waiting | Paused | Ended:
        """Raises `Cancelled` between two jobs when the experiment is to stop."""
        before = set(self.memory.submitted)
        spent = None
        try:
            self._read()
            budget = allowance(self.workspace.scratch, self.budget) if self.budget else None
            held: set[str] = set()
            while node := self.memory.standing.next_startable(held):
                if self._is_stopped(node):
                    continue
                if budget and self._costs_more(self.memory.standing.requests[node.key]):
                    if spent := self._exceeded(budget, self.memory.standing.requests[node.key]):
                        break
                    if self._may_exceed(budget, self.memory.standing.requests[node.key]):
                        held.add(node.key)
                        continue
                self._submit(node)
        finally:
            self._remember(self.memory.submitted - before)
        self._tell(spent)
        if spent and not self.memory.under_way:
            return Paused(Reason.BUDGET_EXHAUSTED, BudgetSpent(f"{spent}. {BudgetSpent.__doc__}"))
        return outcome(self.memory.standing) if self.memory.standing.ended else Waiting()

    def _is_stopped(self, node: Node) -> bool:
        """Whether its gate closes, or cannot be looked through."""
        standing = self.memory.standing
        if node.gate is None:
            return False
        measured = standing.made[node.gate.measured]
        manifest = find_manifest(self.workspace.store, measured) if isinstance(measured, str) else None
        value = manifest.figure(node.gate.rule.metric) if manifest else None
        if value is None:
            lacking = f"{node.gate.measured} has no value {node.gate.rule.metric!r}"
            standing.failed(node.key, f"its gate cannot be decided: {lacking}")
            return True
        why = node.gate.rule.why(value)
        if why is not None:
            standing.stopped(node.key, why)
        return why is not None

    def _costs_more(self, following: JobRequest) -> bool:
        """One that exists, or runs for others, costs nothing."""
        known = self.records.find(job_id(self.workspace.project, following))
        return known is None or (known.state is not JobState.SUCCEEDED and known.state.ended)

    def _under_way(self) -> list[JobRequest]:
        return [self.memory.standing.requests[key] for key in self.memory.under_way]

    def _may_exceed(self, budget: ExperimentBudget, following: JobRequest) -> bool:
        """Whether it has to wait until it is known what the jobs under way leave of the budget."""
        memory = self.memory
        usual: dict[str, dict[str, float]] = {}
        made = memory.standing.made
        for key in sorted(made, key=lambda key: made[key] is None):
            cost = memory.costs.get(memory.jobs.get(key, ""))
            if cost is None:
                continue
            operation = memory.standing.requests[key].operation
            if made[key] is not None or operation in usual:  # a failed one tells how much, not how little
                usual[operation] = larger(usual.get(operation, {}), cost)
        return may_exceed(budget, self._spent(), self._under_way(), following, usual)

    def _exceeded(self, budget: ExperimentBudget, following: JobRequest) -> str | None:
        """Why the budget keeps this job from starting."""
        return exceeded(budget, self._spent(), self._under_way(), following, self._rows)

    def _spent(self) -> dict[str, float]:
        """By all jobs that it pays for and that are not under way, however they ended."""
        memory = self.memory
        for job in memory.charges.keys() - memory.costs.keys() - set(memory.under_way.values()):
            memory.costs[job] = taken(self.workspace.store, memory.charges[job].artifact)
        return total(memory.charges[job].part_of(cost) for job, cost in memory.costs.items())

    def _rows(self, dataset: str) -> int | None:
        manifest = find_manifest(self.workspace.store, dataset)
        return int(manifest.figure("rows") or 0) if manifest else None

    def _read(self) -> None:
        """The records of the jobs whose end woke us and, now and then, of all that are under way."""
        ended = self.live.take_ended(self.workspace.job)
        due = time.monotonic() - self.memory.read_at >= self.read_seconds
        for key, job in list(self.memory.under_way.items()):
            if job in ended or due:
                if due:  # Redis may have lost that we wait; before reading, so that no end falls in between
                    self.live.wake_on_end(job, self.workspace.job)
                self._settle(key, self.records.get(job))
        if due:
            self.memory.read_at = time.monotonic()

    def _submit(self, node: Node) -> None:
        self.workspace.check()
        standing = self.memory.standing
        request = standing.requests[node.key]
        job = job_id(self.workspace.project, request)
        self.live.wake_on_end(job, self.workspace.job)
        if job in self.memory.submitted and (known := self.records.find(job)):
            self._settle(node.key, known)
            return
        self._will_pay(job, request)
        try:
            record = self.submission.submit(self.workspace.project, request, self.workspace.key)
        except GamutError as error:
            if error.reason in RETRIED:
                raise
            standing.failed(node.key, error.detail)
            return
        self.memory.submitted.add(job)
        self._settle(node.key, record)

    def _will_pay(self, job: str, request: JobRequest) -> None:
        """Under a budget, noted before the job is sent: this process may die right after, and the job end
        before another looks. What such a job takes is charged all the same."""
        if self.budget is None or job in self.memory.charges:
            return
        known = self.records.find(job)
        artifact = artifact_id(request)
        if known is None and find_manifest(self.workspace.store, artifact) is not None:
            return
        if known is not None and known.state is JobState.SUCCEEDED:
            return
        found = Charge(artifact, taken(self.workspace.store, artifact))
        charge(self.workspace.scratch, job, found)
        self.memory.charges[job] = found

    def _settle(self, key: str, record: JobRecord) -> None:
        standing = self.memory.standing
        self.memory.jobs[key] = record.id
        self.memory.costs.pop(record.id, None)
        if not record.state.ended:
            self.memory.under_way[key] = record.id
            standing.running(key)
            return
        self.memory.under_way.pop(key, None)
        if record.artifact is not None:
            standing.succeeded(key, record.artifact)
        elif record.state is JobState.CANCELLED:
            standing.cancelled(key)
        else:
            standing.failed(key, record.error.detail if record.error else f"its job {record.state}")

    def _remember(self, jobs: set[str]) -> None:
        """Written after the jobs: one that is missing here is tried once more, never once too little."""
        if jobs:
            name = f"submitted/{self.memory.run}/{secrets.token_hex(8)}.json"
            kept = json.dumps({"submitted": sorted(jobs)}).encode()
            self.workspace.scratch.put(name, kept, "application/json")

    def _tell(self, spent: str | None) -> None:
        standing = self.memory.standing
        nodes = {
            key: {"state": state.value, "job": self.memory.jobs.get(key)}
            for key, state in standing.states.items()
        }
        if (nodes, spent) == self.memory.told:
            return
        self.memory.told = (nodes, spent)
        detail: dict[str, Any] = {"steps": standing.steps()}
        if len(nodes) <= NODES_TOLD:
            detail["nodes"] = nodes
        self.workspace.progress(
            standing.settled,
            len(nodes),
            "jobs",
            note=f"budget spent: {spent}" if spent else _note(standing),
            ok=len(standing.in_state(NodeState.SUCCEEDED)),
            failed=len(standing.in_state(NodeState.FAILED)),
            **detail,
        )


def outcome(standing: Standing) -> Ended:
    """How an experiment ends of which nothing is under way any more."""
    made = standing.made[standing.plan.report.key]
    report = made if isinstance(made, str) else None
    missing = standing.missing()
    if missing is None and isinstance(made, Stopped):
        missing = DependencyFailed(f"nothing is left to report: {made.why}")
    if missing is None:
        return Ended(JobState.SUCCEEDED, report)
    state = JobState.PARTIALLY_SUCCEEDED if report else JobState.FAILED
    return Ended(state, report, Reason.DEPENDENCY_FAILED, missing)


def _note(standing: Standing) -> str:
    under_way = standing.in_state(NodeState.RUNNING)
    more = f" and {len(under_way) - 3} more" if len(under_way) > 3 else ""
    return f"under way: {', '.join(under_way[:3])}{more}" if under_way else ""
