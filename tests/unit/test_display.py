"""What a person sees at the end, in a wide terminal and in a narrow one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from embedded.client import GatewayClient
from embedded.demo import Outcome
from embedded.display import SHOWN, following, show


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
    assert "12.35 ± 0.12" in shown  # no digit that the margin does not allow
    assert "Lowest test loss: D1." in shown
    assert "trained, tested: 2 rows are too long" in shown


def test_a_log_has_a_line_for_each_step_as_it_ends() -> None:
    """Where no board can be drawn, nothing was told until the end."""
    console = Console(file=io.StringIO(), width=80)
    with following(console, GatewayClient("http://127.0.0.1:1")) as hear:
        hear("upload", {"path": "rows.jsonl"})
        for states in (("running", "waiting"), ("succeeded", "running"), ("succeeded", "failed")):
            nodes = dict(
                zip(("pool", "trained[seed=1]"), ({"state": state} for state in states), strict=True)
            )
            hear("progress", {"detail": {"nodes": nodes}})
    assert console.file.getvalue() == "✓ pool\n✗ trained[seed=1]\n"  # type: ignore[attr-defined]


def test_a_shift_is_shown_as_what_it_is_beyond_none() -> None:
    def shift(p: float) -> dict[str, object]:
        return {**cell(0.056, 0.002), "no_shift": {"excess": 0.0041, "p_value": p}}

    rows = [
        {"run": {"value": name, "low": None, "high": None}, "js_unigram": shift(p)}
        for name, p in (("halves", 0.4), ("shifted", 0.005))
    ]
    console = Console(width=120, record=True, file=io.StringIO())
    report = {"columns": ["run", "js_unigram"], "table": rows, "findings": []}
    outcome = Outcome(
        job={"state": "succeeded"}, reused=False, report=report, page=Path("report.html"), failures={}
    )
    show(console, outcome)
    shown = console.export_text()
    assert "js unigram excess" in shown
    assert "none seen" in shown
    assert "+0.0041 (p 0.005)" in shown
    assert "0.056" not in shown
