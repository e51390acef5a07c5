"""Whether the datasets have as many rows as a request will take of them, checked before anything runs.

A dataset that exists says how many rows it has; of one that is still to be made the most that it can have is
followed through the plan. What cannot have enough is refused with the place to change and what to do there;
what may turn out to have enough is let through, and counted when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import floor

from services.gateway.documents.pointers import Place
from services.gateway.experiments.errors import refuse
from services.gateway.experiments.expansion import placed
from services.gateway.experiments.graph import Fault
from services.gateway.experiments.plan import ExperimentPlan, Node
from shared.artifacts import find_manifest
from shared.contracts.advice import AdviceRequest, Search
from shared.contracts.base import ArtifactKind, JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.mixture import (
    DeduplicationRequest,
    FilterRequest,
    MixtureRequest,
    SampleRequest,
    SplitRequest,
    added_rows,
)
from shared.datasets import dataset_kind
from shared.store.base import ObjectStore


@dataclass(frozen=True)
class Amount:
    """The rows of a dataset, or the most that it can have. `contexts`: its rows belong to contexts, which a
    split keeps together, so that its parts are not of an exact size."""

    rows: int
    contexts: bool


AmountOf = Callable[[str], Amount | None]
"""None where nothing is known of the dataset."""


def stored_amounts(store: ObjectStore) -> AmountOf:
    """Of the datasets that exist."""

    def amount(dataset: str) -> Amount | None:
        manifest = find_manifest(store, dataset)
        if manifest is None or manifest.kind is not ArtifactKind.DATASET:
            return None
        found = manifest.figure("rows")
        return None if found is None else Amount(int(found), dataset_kind(manifest) is DatasetKind.QA)

    return amount


def require_rows(plan: ExperimentPlan, known: AmountOf) -> None:
    """Raises `InvalidRecipe` for samples and mixtures that take more than there can be."""
    coming: dict[str, Amount | None] = {}

    def amount(dataset: str) -> Amount | None:
        return coming[dataset] if dataset in coming else known(dataset)

    found: list[Fault] = []
    for node in plan.nodes.values():
        found += [_fault(plan, node, field, detail) for field, detail in _lacking(node.request, amount)]
        coming[node.artifact] = _most(node.request, amount)
    refuse(found)


def require_advice_rows(request: AdviceRequest, known: AmountOf) -> None:
    """Raises `InvalidRecipe` where the real rows or a pool are too few for `size` and the range of ρ."""
    refuse([*_real_faults(request, known(request.real)), *_pool_faults(request, known)])


def _real_faults(request: AdviceRequest, there: Amount | None) -> Iterator[Fault]:
    if there is None:
        return
    share = 1 - request.validation_share
    most = there.rows if there.contexts else floor(share * there.rows + 0.5)
    if request.size > most:
        yield (
            ("size",),
            f"{request.size:,} real rows are more than the search has: of {there.rows:,} it holds "
            f"{request.validation_share:.0%} back to choose by. Ask for a size of {most:,} at most, or give "
            "more real rows",
        )


def _pool_faults(request: AdviceRequest, known: AmountOf) -> Iterator[Fault]:
    highest = highest_rho(request.search)
    needed = added_rows(request.size, highest)
    for name, pool in request.pools.items():
        there = known(pool)
        if there is None or there.rows >= needed:
            continue
        rows = there.rows
        reach = _reach(request.search, request.size, rows)
        size = floor(rows * (1 - highest) / highest)
        ways = [f"give a pool of {needed:,} rows"]
        if size >= 2:
            ways.insert(0, f"ask for a size of {size:,} at most")
        if reach is not None:
            ways.insert(0, f"set search.high to {reach:.2g}")
        yield (
            ("pools", name),
            f"it has {rows:,} rows; at ρ = {highest:.2g} (search.high), {request.size:,} real rows take "
            f"{needed:,} of a pool. {', or '.join(ways).capitalize()}",
        )


def highest_rho(search: Search) -> float:
    """The largest ρ of the grid that the search looks at."""
    return search.low + floor((search.high - search.low) / search.step + 1e-9) * search.step


def _reach(search: Search, size: int, rows: int) -> float | None:
    """The largest ρ of the grid for which the pool is enough; None where it is too small for the lowest."""
    steps = floor((highest_rho(search) - search.low) / search.step + 0.5)
    grid = (search.low + step * search.step for step in range(steps, -1, -1))
    return next((rho for rho in grid if added_rows(size, rho) <= rows), None)


def _lacking(request: JobRequest, known: AmountOf) -> Iterator[tuple[str, str]]:
    """(field, what it lacks and what to do) of a request that takes more rows than there can be."""
    if isinstance(request, SampleRequest):
        there = known(request.dataset)
        if request.size is None or request.unit != "rows" or request.or_all or there is None:
            return
        if request.size > there.rows:
            yield (
                "size",
                f"{request.size:,} rows are asked for and there are {there.rows:,} at most: ask for fewer",
            )
    elif isinstance(request, MixtureRequest) and request.unit == "rows" and request.rho is not None:
        real, generated = map(known, request.sources.values())
        yield from _mixture_lacks(request, request.rho, real, generated)


def _mixture_lacks(
    request: MixtureRequest, rho: float, real: Amount | None, generated: Amount | None
) -> Iterator[tuple[str, str]]:
    size = request.size if request.size is not None else real.rows if real else None
    if size is None:
        return
    fixed = request.mode == "fixed"
    added = floor(rho * size + 0.5) if fixed else added_rows(size, rho)
    own = size - added if fixed else size
    if real is not None and own > real.rows:
        yield "size", f"it takes {own:,} real rows and there are {real.rows:,} at most: ask for fewer"
    if request.size is not None and generated is not None and added > generated.rows:
        yield (
            "rho",
            f"at ρ = {rho:g} it takes {added:,} generated rows and there are {generated.rows:,} at "
            f"most: lower ρ or the size, or make {added - generated.rows:,} more",
        )


def _most(request: JobRequest, known: AmountOf) -> Amount | None:
    """The most rows that the dataset of a request can have."""
    if isinstance(request, GenerationRequest):
        whole = request.rows and request.rows * max(1, len(request.levels))
        return Amount(whole, request.kind is DatasetKind.QA) if whole else None
    if not isinstance(request, SplitRequest | SampleRequest | FilterRequest | DeduplicationRequest):
        return None
    there = known(request.dataset)
    if isinstance(request, SplitRequest):
        if there is None or there.contexts or request.group_by is not None:
            return there
        return replace(there, rows=min(there.rows, floor(request.shares[request.take] * there.rows) + 1))
    if isinstance(request, SampleRequest):
        return _sampled(request, there)
    return there


def _sampled(request: SampleRequest, there: Amount | None) -> Amount | None:
    if request.unit != "rows":
        return there
    if request.fraction is not None:
        return there and replace(there, rows=floor(request.fraction * there.rows + 0.5))
    if request.size is None or (there is not None and there.rows < request.size):
        return there
    return Amount(request.size, there is not None and there.contexts)


def _fault(plan: ExperimentPlan, node: Node, field: str, detail: str) -> Fault:
    where: Place = (field,)
    return placed(plan.graph, node.step, node.labels, where, detail)
