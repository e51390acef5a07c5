"""What an experiment's jobs have spent, and what it may: its budget, or what a person allowed since.

What was spent on an artifact is known, made or not (`shared/jobs/spending.py`). The experiment's
scratch says which jobs it pays for, and what had been spent on each before; and what a person allowed, one
object for each time somebody resumed it.

    charged/<job>/<artifact>    what was spent before, or nothing
    allowed/<number>.json
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.artifacts import find_manifest
from shared.contracts.artifacts import Manifest
from shared.contracts.base import JobRequest, Queue
from shared.contracts.experiment import ExperimentBudget
from shared.contracts.generation.results import LedgerSummary
from shared.contracts.training.requests import TrainingRequest
from shared.jobs.spending import larger, spent
from shared.store.base import ObjectStore

_CHARGED = "charged/"
_ALLOWED = "allowed/"


@dataclass(frozen=True)
class Charge:
    """An artifact that an experiment pays for, and what had been spent on it before it did."""

    artifact: str
    before: Mapping[str, float]

    def part_of(self, taken: Mapping[str, float]) -> dict[str, float]:
        """The experiment's part of all that was spent on the artifact."""
        return {name: max(amount - self.before.get(name, 0.0), 0.0) for name, amount in taken.items()}


def charges(scratch: ObjectStore) -> Iterator[tuple[str, Charge]]:
    """By job, those of every run."""
    for found in scratch.list(_CHARGED):
        job, _, artifact = found.key.removeprefix(_CHARGED).partition("/")
        yield job, Charge(artifact, json.loads(scratch.get(found.key)) if found.bytes else {})


def charge(scratch: ObjectStore, job: str, found: Charge) -> None:
    """Put if absent, before the job is sent: if two coordinators race, the first charge is kept."""
    before = json.dumps(found.before).encode() if found.before else b""
    scratch.put_if_absent(f"{_CHARGED}{job}/{found.artifact}", before)


def taken(store: ObjectStore, artifact: str) -> dict[str, float]:
    """All that was spent on an artifact, in every attempt. Its manifest, where there is one, says so too, but
    of a training only the last attempt's seconds."""
    manifest = find_manifest(store, artifact)
    return larger(cost_of(manifest) if manifest else {}, spent(store, artifact))


def cost_of(manifest: Manifest) -> dict[str, float]:
    """What it says it took, by the names of `ExperimentBudget`'s fields."""
    found: dict[str, float] = {}
    if kept := manifest.summary.get("ledger"):
        ledger = LedgerSummary.model_validate(kept, extra="ignore")
        accounts = ledger.sources.values()
        found["calls"] = sum(account.issued for account in accounts)
        found["tokens"] = sum(account.tokens_in + account.tokens_out for account in accounts)
        found["money"] = sum(map(float, ledger.money.values()))
    if manifest.operation == TrainingRequest.operation:
        found["training_seconds"] = float(manifest.figure("seconds") or 0)
    return found


def total(costs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for cost in costs:
        for name, amount in cost.items():
            found[name] = found.get(name, 0.0) + amount
    return found


def exceeded(budget: ExperimentBudget, spent: Mapping[str, float], calls_to_come: int) -> str | None:
    """Why a job must not start now; None when it may.

    How few calls to sources it and the jobs under way can make is known before they are made
    (`calls_to_come`): the experiment stops before their limit. Of tokens, money and seconds only what was
    spent is known: it stops when they are used up.
    """
    certain = {**dict.fromkeys(budget.limits, 0.0), **spent}
    if calls_to_come and certain["calls"] + calls_to_come > budget.limits["calls"]:
        allowed = budget.limits["calls"]
        return f"calls: {certain['calls']:,.0f} made, {calls_to_come:,} to come, {allowed:,.0f} allowed"
    for name, limit in budget.limits.items():
        if name != "calls" and certain[name] >= limit:
            return f"{name.replace('_', ' ')}: {certain[name]:,.4g} spent of {limit:,.4g}"
    return None


def may_exceed(
    budget: ExperimentBudget,
    spent: Mapping[str, float],
    under_way: Sequence[JobRequest],
    following: JobRequest,
    usual: Mapping[str, Mapping[str, float]],
) -> bool:
    """Whether `following` has to wait for what is under way, as that may spend all that is left.

    `usual` is the most that a job of each operation has taken so far. Of an operation of which none has ended
    yet one goes ahead alone, so that its cost is known before many like it are started.
    """
    limits = {name: limit for name, limit in budget.limits.items() if name in _spends(following)}
    alike = any(request.operation == following.operation for request in under_way)
    if limits and alike and following.operation not in usual:
        return True
    coming = total(usual.get(request.operation, {}) for request in under_way)
    return any(
        coming.get(name, 0) and spent.get(name, 0) + coming[name] >= limit for name, limit in limits.items()
    )


def _spends(request: JobRequest) -> set[str]:
    """What such a job may spend; calls are counted before they are made."""
    if request.queue is Queue.GENERATE:
        return {"tokens", "money"}
    return {"training_seconds"} if request.operation == "train" else set()


def allowance(scratch: ObjectStore, asked: ExperimentBudget | None) -> ExperimentBudget | None:
    """The budget that holds now: what was allowed last, else the recipe's own; None is without limit."""
    keys = [found.key for found in scratch.list(_ALLOWED)]
    if not keys:
        return asked
    last = json.loads(scratch.get(keys[-1]))
    return ExperimentBudget.model_validate(last) if last is not None else None


def allow(scratch: ObjectStore, budget: ExperimentBudget | None) -> None:
    """Puts a new allowance in place of those before."""
    text = json.dumps(budget.model_dump() if budget else None).encode()
    number = sum(1 for _ in scratch.list(_ALLOWED))
    while not scratch.put_if_absent(f"{_ALLOWED}{number:06d}.json", text):
        number += 1
