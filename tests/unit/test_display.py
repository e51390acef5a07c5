"""What a person sees at the end, in a wide terminal and in a narrow one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from embedded.demo import Outcome
from embedded.display import SHOWN, show


def cell(value: float, margin: float) -> dict[str, float]:
    return {"value": value, "low": value - margin, "high": value + margin}


@pytest.mark.parametrize("width", [80, 200])
def test_the_table_fits_the_terminal_and_keeps_the_answer(width: int) -> None:
    row = {column: cell(12.3456, 0.123) for column in SHOWN} | {
        "run": {"value": "D1", "low": None, "high": None}
    }
    report = {"columns": list(SHOWN), "table": [row], "findings": ["Lowest test loss: D1."]}
    console = Console(width=width, record=True, file=io.StringIO())
    outcome = Outcome(
        job={"state": "partially_succeeded"},
        reused=False,
        report=report,
        page=Path("report.html"),
        failures={"2 rows are too long": ["trained", "tested"]},
    )
    show(console, outcome)
    shown = console.export_text()
    assert "…" not in shown  # no cell is cut
    assert {"distinct", "loss", "D1"} <= set(shown.replace("│", " ").replace("┃", " ").split())
    assert ("perplexity" in shown) == (width == 200)
    assert "Lowest test loss: D1." in shown
    assert "trained, tested: 2 rows are too long" in shown
