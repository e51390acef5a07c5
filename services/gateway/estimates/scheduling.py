"""How long a plan takes on so many workers: list scheduling by the longest way to the end, as the coordinator
submits. Graham (1969): never more than twice the shortest there is."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping

from services.gateway.experiments.plan import ExperimentPlan


def makespan(plan: ExperimentPlan, seconds: Mapping[str, float], workers: Mapping[str, int]) -> float:
    """Wall-clock seconds from the first job to the last. `seconds` by node, 0 where absent; `workers` by
    queue, 1 where absent."""
    open_needs = {key: set(node.needs | node.gathers) for key, node in plan.nodes.items()}
    dependents: dict[str, list[str]] = {key: [] for key in plan.nodes}
    for key, needs in open_needs.items():
        for needed in needs:
            dependents[needed].append(key)
    ways = _ways(plan, seconds, dependents)
    ready = [(-ways[key], key) for key, needs in open_needs.items() if not needs]
    heapq.heapify(ready)
    ends: list[tuple[float, str]] = []
    busy: Counter[str] = Counter()
    now = 0.0
    while ready or ends:
        later = []
        while ready:
            way, key = heapq.heappop(ready)
            queue = plan.nodes[key].request.queue.value
            if busy[queue] >= max(1, workers.get(queue, 1)):
                later.append((way, key))
                continue
            busy[queue] += 1
            heapq.heappush(ends, (now + seconds.get(key, 0.0), key))
        for waiting in later:
            heapq.heappush(ready, waiting)
        now, ended = heapq.heappop(ends)
        busy[plan.nodes[ended].request.queue.value] -= 1
        for key in dependents[ended]:
            open_needs[key].discard(ended)
            if not open_needs[key]:
                heapq.heappush(ready, (-ways[key], key))
    return now


def _ways(
    plan: ExperimentPlan, seconds: Mapping[str, float], dependents: Mapping[str, list[str]]
) -> dict[str, float]:
    """Seconds on the longest way from each node to an end, itself included."""
    ways: dict[str, float] = {}
    for key in reversed(list(plan.nodes)):
        after = max((ways[dependent] for dependent in dependents[key]), default=0.0)
        ways[key] = seconds.get(key, 0.0) + after
    return ways
