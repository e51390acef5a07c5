"""How many candidates are tried where a request does not say: told here once, for the contracts' descriptions
and for the generator that keeps to it."""

from __future__ import annotations

TRIES = 4
"""Candidates for each draft that is wanted of one thing (a prompt, a pair), before it is given up."""
CANDIDATES_A_ROW = 4
CANDIDATES_BESIDE = 100
TOPIC_CALLS_FACTOR = 20
FEWEST_TOPIC_CALLS = 200


def default_candidates(rows: int) -> int:
    """Candidates tried at most for so many rows."""
    return CANDIDATES_A_ROW * rows + CANDIDATES_BESIDE


def default_topic_calls(count: int, per_call: int) -> int:
    """Calls made at most for so many topics, of which each call asks for `per_call`."""
    return max(TOPIC_CALLS_FACTOR * -(-count // per_call), FEWEST_TOPIC_CALLS)
