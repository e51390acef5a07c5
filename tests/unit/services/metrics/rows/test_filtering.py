"""Every row is kept or rejected with a reason."""

import pytest

from services.metrics.rows.filtering import Condition, Reject, keep_passing
from tests.unit.services.metrics.refusals import refused

ROWS = [
    {"id": "a", "tokens": 3, "text": "a cat", "topic": "pets"},
    {"id": "b", "tokens": 9, "text": "As an AI model", "topic": "pets"},
    {"id": "c", "tokens": 30, "text": "a dog", "topic": "war"},
    {"id": "d", "text": None},
]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        (Condition("tokens", "at_least", 9), "bc"),
        (Condition("tokens", "at_most", 9), "ab"),
        (Condition("topic", "equals", "pets"), "ab"),
        (Condition("topic", "not_equals", "pets"), "cd"),
        (Condition("topic", "in", ["war", "peace"]), "c"),
        (Condition("topic", "not_in", ["war"]), "abd"),
        (Condition("text", "contains", "cat"), "a"),
        (Condition("text", "not_contains", "As an AI"), "acd"),
    ],
)
def test_each_comparison(condition: Condition, kept: str) -> None:
    selection = keep_passing(ROWS, [condition])
    assert "".join(selection.kept) == kept
    assert {reject.id for reject in selection.rejected} == set("abcd") - set(kept)


def test_the_reason_is_the_first_condition_that_failed() -> None:
    conditions = [Condition("tokens", "at_least", 5), Condition("topic", "equals", "war")]
    assert keep_passing(ROWS, conditions).rejected == (
        Reject("a", "not tokens at_least 5"),
        Reject("b", "not topic equals 'war'"),
        Reject("d", "not tokens at_least 5"),
    )


def test_values_of_different_kinds_are_refused() -> None:
    with refused("not_comparable"):
        keep_passing(ROWS, [Condition("tokens", "at_least", "nine")])
