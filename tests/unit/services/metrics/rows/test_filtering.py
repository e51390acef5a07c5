"""Every row is kept or rejected with a reason."""

import pytest

from services.metrics.rows.filtering import FieldCondition, LeftOutRow, keep_passing
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
        (FieldCondition("tokens", "at_least", 9), "bc"),
        (FieldCondition("tokens", "at_most", 9), "ab"),
        (FieldCondition("topic", "equals", "pets"), "ab"),
        (FieldCondition("topic", "not_equals", "pets"), "cd"),
        (FieldCondition("topic", "in", ["war", "peace"]), "c"),
        (FieldCondition("topic", "not_in", ["war"]), "abd"),
        (FieldCondition("text", "contains", "cat"), "a"),
        (FieldCondition("text", "not_contains", "As an AI"), "acd"),
    ],
)
def test_each_comparison(condition: FieldCondition, kept: str) -> None:
    selection = keep_passing(ROWS, [condition])
    assert "".join(selection.kept) == kept
    assert {reject.id for reject in selection.rejected} == set("abcd") - set(kept)


def test_the_reason_is_the_first_condition_that_failed() -> None:
    conditions = [FieldCondition("tokens", "at_least", 5), FieldCondition("topic", "equals", "war")]
    assert keep_passing(ROWS, conditions).rejected == (
        LeftOutRow("a", "not tokens at_least 5"),
        LeftOutRow("b", "not topic equals 'war'"),
        LeftOutRow("d", "not tokens at_least 5"),
    )


def test_values_of_different_kinds_are_refused() -> None:
    with refused("not_comparable"):
        keep_passing(ROWS, [FieldCondition("tokens", "at_least", "nine")])
