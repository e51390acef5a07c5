"""How many rows and calls a request takes, from what is known before anything runs."""

from __future__ import annotations

import math
from collections.abc import Callable

from shared.contracts.base import JobRequest
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.strategies import Strategy
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.instruments import ClusterAgentRequest, JudgeRequest, SelfPreferenceRequest
from shared.identity import artifact_id

TRIES = 5
"""Of a prompt that gathers criteria, at most."""
PORTION = 60
"""Entries gathered in one such prompt; an answer brings at most five of each kind."""
Rows = Callable[[str], int | None]
"""A dataset's rows; None where they cannot be told yet."""


def rows_asked(request: GenerationRequest) -> int | None:
    """Rows that it makes; None where that follows from its inputs' contexts or prompts."""
    return None if request.rows is None else request.rows * max(len(request.levels), 1)


def calls_range(request: JobRequest, rows: Rows) -> tuple[int, int] | None:
    """Fewest and most calls to sources; None where it follows from inputs that are not known. One call is one
    candidate, except where an answer holds several passages; how many candidates are refused is what the
    range leaves open."""
    if isinstance(request, GenerationRequest):
        return _generation_calls(request, rows)
    if isinstance(request, TopicsRequest):
        needed = math.ceil(request.count / request.per_call)
        return needed, request.max_candidates or 20 * needed
    found = _instrument_calls(request, rows)
    if found is None:
        return None
    limit = getattr(getattr(request, "budget", None), "calls", None) or math.inf
    return int(min(found[0], limit)), int(min(found[1], limit))


def _generation_calls(request: GenerationRequest, rows: Rows) -> tuple[int, int] | None:
    asked = rows_asked(request)
    if asked is None and request.strategy is Strategy.ANSWERS and request.prompts:
        asked = rows(request.prompts)  # one for each prompt
    if asked is None:
        asked = rows(artifact_id(request))
    if asked is None:
        return None
    each = request.styles.passages[1] if request.strategy is Strategy.STYLES else 1
    return math.ceil(asked / each), request.max_candidates or 4 * asked + 100


def _instrument_calls(request: JobRequest, rows: Rows) -> tuple[int, int] | None:
    if isinstance(request, ClusterAgentRequest):
        sure = min(request.min_runs, request.runs) if request.interval_width else request.runs
        most = (2 * request.runs + 20) * (1 + request.verify)
        if request.criteria:
            return sure, most
        gathered = 2 * (math.ceil(5 * request.criteria_runs / PORTION) + 1 + request.kept) * TRIES
        return sure + request.criteria_runs + 4, most + 4 * request.criteria_runs + 20 + gathered
    if isinstance(request, JudgeRequest):
        there = rows(request.dataset)
        if there is None:
            return None
        rated = min(there, request.rows or there) * len(request.aspects)
        return rated, rated * request.tries
    if isinstance(request, SelfPreferenceRequest):
        sizes = [rows(dataset) for dataset in request.candidates.values()]
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes):
            return None
        pairs = len(sizes) * (len(sizes) - 1)
        return pairs, min(*known, request.prompts or min(known)) * pairs  # they share one prompt at least
    return 0, 0


def fewest_calls(request: JobRequest, rows: Rows) -> int:
    """At least so many calls are made, if it starts."""
    found = calls_range(request, rows)
    return found[0] if found else 0
