"""Cells of CSV files that a spreadsheet shows and does not run."""

from __future__ import annotations

from typing import TypeVar

V = TypeVar("V")
_STARTS = ("=", "+", "-", "@", "\t", "\r")


def shown(value: V) -> V | str:
    """The value; a text that a spreadsheet would take for a formula with an apostrophe before it."""
    if not isinstance(value, str) or not value.startswith(_STARTS):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
