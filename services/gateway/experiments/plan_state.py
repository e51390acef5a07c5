"""How an experiment stands: which nodes are made, which can start, which never will be."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Set
from enum import StrEnum
from http import HTTPStatus

from services.gateway.documents.pointers import MAX_FAULTS
from services.gateway.experiments.plan import DECIDED, ExperimentPlan, GateStopped, Node
from shared.contracts.base import JobRequest
from shared.contracts.problems import FieldError, pointer
from shared.errors import GamutError, Reason


class NodeState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    BLOCKED = "blocked"
    STOPPED = "stopped"

    @property
    def settled(self) -> bool:
        return self not in (NodeState.WAITING, NodeState.RUNNING)


class DependencyFailed(GamutError):
    """Some of the experiment's jobs did not succeed; `errors` names them. Cure the cause and post the recipe
    again: only what is missing is made."""

    status = HTTPStatus.FAILED_DEPENDENCY
    code = "dependency_failed"
    reason = Reason.DEPENDENCY_FAILED


class BudgetSpent(GamutError):
    """The experiment's budget is spent. POST /v1/experiments/{id}/resume with a larger one goes on."""

    status = HTTPStatus.PAYMENT_REQUIRED
    code = "budget_spent"
    reason = Reason.BUDGET_EXHAUSTED


class PlanState:
    """`made` holds the artifact of each settled node, None for what could not be made, and for what a gate
    stopped the reason."""

    def __init__(self, plan: ExperimentPlan) -> None:
        self.plan = plan
        self.states = dict.fromkeys(plan.nodes, NodeState.WAITING)
        self.made: dict[str, str | GateStopped | None] = {}
        self.requests: dict[str, JobRequest] = {}
        self._why: dict[str, str] = {}
        self._open = {key: len(node.needs | node.gathers) for key, node in plan.nodes.items()}
        self._dependents: dict[str, list[str]] = {key: [] for key in plan.nodes}
        for key, node in plan.nodes.items():
            for needed in node.needs | node.gathers:
                self._dependents[needed].append(key)
        self._startable: list[tuple[int, int, str]] = []
        self._open_up(key for key, count in self._open.items() if count == 0)

    def next_startable(self, held: Set[str] = frozenset()) -> Node | None:
        """The startable node on the longest way to the end, of those that are not `held` back; the same one
        until its state is told."""
        if held:
            waiting = (e for e in self._startable if self.states[e[-1]] is NodeState.WAITING)
            first = min((entry for entry in waiting if entry[-1] not in held), default=None)
            return self.plan.nodes[first[-1]] if first else None
        while self._startable:
            key = self._startable[0][-1]
            if self.states[key] is NodeState.WAITING:
                return self.plan.nodes[key]
            heapq.heappop(self._startable)
        return None

    def running(self, key: str) -> None:
        """Its job is queued or running."""
        self.states[key] = NodeState.RUNNING

    def succeeded(self, key: str, artifact: str) -> None:
        self._settle(key, NodeState.SUCCEEDED, artifact)

    def failed(self, key: str, why: str) -> None:
        self._settle(key, NodeState.FAILED, None, why)

    def cancelled(self, key: str) -> None:
        self._settle(key, NodeState.CANCELLED, None, "its job was cancelled")

    def stopped(self, key: str, why: str) -> None:
        """Its gate closed: it does not run, and neither does what needs it."""
        gate = self.plan.nodes[key].gate
        decided = gate is not None and gate.rule.metric == DECIDED
        self._settle(key, NodeState.STOPPED, GateStopped(why, not_needed=decided), why)

    def in_state(self, state: NodeState) -> list[str]:
        return [key for key, found in self.states.items() if found is state]

    @property
    def settled(self) -> int:
        return len(self.made)

    @property
    def ended(self) -> bool:
        return self.settled == len(self.states)

    def steps(self) -> dict[str, dict[str, int]]:
        """How many nodes of each step are in each state."""
        counts: dict[str, Counter[str]] = {}
        for key, state in self.states.items():
            counts.setdefault(self.plan.nodes[key].step, Counter())[state.value] += 1
        return {step: dict(found) for step, found in counts.items()}

    def missing(self) -> DependencyFailed | None:
        """What could not be made and why; None when nothing is missing."""
        lost = [key for key, artifact in self.made.items() if artifact is None]
        if not lost:
            return None
        lost.sort(key=lambda key: self.states[key] is NodeState.BLOCKED)  # causes first: the list is cut
        errors = [
            FieldError(
                pointer=pointer(("steps", self.plan.nodes[key].step)),
                detail=f"{key} {self.states[key]}: {self._why[key]}",
            )
            for key in lost
        ]
        detail = (
            f"{len(lost)} of {len(self.states)} jobs did not succeed. Cure the cause and post the recipe "
            "again: only what is missing is made"
        )
        return DependencyFailed(detail, errors[:MAX_FAULTS])

    def _settle(self, key: str, state: NodeState, artifact: str | GateStopped | None, why: str = "") -> None:
        if self.states[key].settled:
            return
        self.states[key] = state
        self.made[key] = artifact
        self._why[key] = why
        for dependent in self._dependents[key]:
            self._open[dependent] -= 1
        self._open_up(dependent for dependent in self._dependents[key] if self._open[dependent] == 0)

    def _open_up(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            node = self.plan.nodes[key]
            lost = sorted(needed for needed in node.needs if self.made[needed] is None)
            if lost:
                self._settle(key, NodeState.BLOCKED, None, f"it needs {lost[0]}")
                continue
            stopped = [made for made in map(self.made.get, node.needs) if isinstance(made, GateStopped)]
            if stopped:
                self._settle(key, NodeState.STOPPED, stopped[0], stopped[0].why)
                continue
            request = self._bound(node)
            if request is None:
                self._settle(key, NodeState.BLOCKED, None, "nothing it gathers was made")
                continue
            self.requests[key] = request
            heapq.heappush(self._startable, (-node.height, len(self.requests), key))

    def _bound(self, node: Node) -> JobRequest | None:
        as_planned = all(self.made[key] == self.plan.nodes[key].artifact for key in node.needs | node.gathers)
        return node.request if as_planned else self.plan.bind(node, self.made)
