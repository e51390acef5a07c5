"""A text of a caller's is a text in a spreadsheet too."""

from __future__ import annotations

import csv
import io

import pytest

from services.metrics.pictures.picture import Picture
from services.metrics.spreadsheets import shown


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"])
def test_a_formula_is_shown_and_not_run(text: str) -> None:
    assert shown(text) == f"'{text}"
    picture = Picture(name="p", title="t", alt="a", png=b"", data=({"label": text, "value": -1.5},))
    [row] = csv.DictReader(io.StringIO(picture.csv(), newline=""))
    assert (row["label"], row["value"]) == (f"'{text}", "-1.5")


@pytest.mark.parametrize("value", ["plain", "", "-1.5", "+2e3", -3, 2.5, None, True])
def test_everything_else_stays_as_it_is(value: object) -> None:
    assert shown(value) is value
