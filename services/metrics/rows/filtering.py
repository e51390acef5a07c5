"""Keeping the rows that pass every condition; those that do not are returned too, each with its reason.

Conditions are data (a field, a comparison, a value), so that a recipe can hold them. There are no regular
expressions: one that a caller wrote can run for hours on a row that another caller wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from services.metrics.problems import Unmeasurable

Comparison = Literal[
    "at_least", "at_most", "equals", "not_equals", "in", "not_in", "contains", "not_contains"
]

_PASSES: dict[str, Callable[[Any, Any], bool]] = {
    "at_least": lambda value, bound: value is not None and value >= bound,
    "at_most": lambda value, bound: value is not None and value <= bound,
    "equals": lambda value, wanted: bool(value == wanted),
    "not_equals": lambda value, unwanted: bool(value != unwanted),
    "in": lambda value, wanted: value in wanted,
    "not_in": lambda value, unwanted: value not in unwanted,
    "contains": lambda value, part: value is not None and part in value,
    "not_contains": lambda value, part: value is None or part not in value,
}


@dataclass(frozen=True)
class FieldCondition:
    """`field` compared with `value`. A row that lacks the field has None there, which is within no bounds."""

    field: str
    comparison: Comparison
    value: Any

    def passes(self, row: Mapping[str, Any]) -> bool:
        """Whether the row meets the condition. Raises Unmeasurable when the two cannot be compared."""
        try:
            return _PASSES[self.comparison](row.get(self.field), self.value)
        except TypeError as error:
            raise Unmeasurable(
                "not_comparable",
                f"{self.field} {self.comparison} {self.value!r} cannot be decided for the value "
                f"{row.get(self.field)!r}: compare it with a value of its own kind.",
                field=self.field,
            ) from error

    def __str__(self) -> str:
        return f"{self.field} {self.comparison} {self.value!r}"


@dataclass(frozen=True)
class LeftOutRow:
    """A row that was left out, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Selection:
    """Every row of a dataset, either kept or rejected with a reason; both in the dataset's order."""

    kept: tuple[str, ...]
    rejected: tuple[LeftOutRow, ...]


def keep_passing(rows: Sequence[Mapping[str, Any]], conditions: Sequence[FieldCondition]) -> Selection:
    """Rows (each with an `id`) that meet every condition. The reason of a reject is the first it fails."""
    return select(
        [row["id"] for row in rows],
        {row["id"]: reason for row in rows if (reason := _first_failed(row, conditions)) is not None},
    )


def select(ids: Sequence[str], reasons: Mapping[str, str]) -> Selection:
    """Keep the ids that have no reason against them."""
    return Selection(
        kept=tuple(row for row in ids if row not in reasons),
        rejected=tuple(LeftOutRow(row, reasons[row]) for row in ids if row in reasons),
    )


def _first_failed(row: Mapping[str, Any], conditions: Sequence[FieldCondition]) -> str | None:
    failed = next((condition for condition in conditions if not condition.passes(row)), None)
    return None if failed is None else f"not {failed}"
