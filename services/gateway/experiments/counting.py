"""How many rows and calls a request takes, from what is known before anything runs."""

from __future__ import annotations

import math

from shared.contracts.base import JobRequest
from shared.contracts.generation import GenerationRequest, Strategy, TopicsRequest
from shared.contracts.instruments import ClusterAgentRequest


def rows_asked(request: GenerationRequest) -> int | None:
    """Rows that it makes; None where that follows from its inputs' contexts or prompts."""
    return None if request.rows is None else request.rows * max(len(request.levels), 1)


def calls_range(request: JobRequest) -> tuple[int, int] | None:
    """Fewest and most calls to sources; None where it follows from inputs. One call is one candidate, except
    where an answer holds several passages; how many candidates are refused is what the range leaves open."""
    if isinstance(request, GenerationRequest):
        rows = rows_asked(request)
        if rows is None:
            return None
        each = request.styles.passages[1] if request.strategy is Strategy.STYLES else 1
        return math.ceil(rows / each), request.max_candidates or 4 * rows + 100
    if isinstance(request, TopicsRequest):
        needed = math.ceil(request.count / request.per_call)
        return needed, request.max_candidates or 20 * needed
    if isinstance(request, ClusterAgentRequest):
        most = request.runs * (1 + request.verify) + 2 * request.criteria_runs
        return min(request.min_runs if request.interval_width else request.runs, most), most
    return 0, 0


def fewest_calls(request: JobRequest) -> int:
    """At least so many calls are made, if it starts."""
    found = calls_range(request)
    return found[0] if found else 0
