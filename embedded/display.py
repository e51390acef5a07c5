"""How the main job goes and what came of it, for a person at a terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from embedded.client import GatewayClient, Json
from embedded.demo import Outcome
from embedded.remaining import Remaining, expected_seconds, in_words
from shared.contracts.measurement import SEEN

MARKS = {
    "succeeded": "[green]✓[/]",
    "running": "[yellow]▸[/]",
    "queued": "[dim]·[/]",
    "waiting": "[dim]·[/]",
    "failed": "[red]✗[/]",
}
TOLD = ("succeeded", "failed")
LOOK_SECONDS = 1.0
SHOWN = (
    "run",
    "rows",
    "trained_epochs",
    "distinct_5",
    "self_bleu",
    "vendi",
    "js_unigram",
    "two_sample_auc",
    "coverage",
    "loss",
    "perplexity",
)
LEFT_OUT_FIRST = (
    "perplexity",
    "vendi",
    "self_bleu",
    "trained_epochs",
    "rows",
    "js_unigram",
    "coverage",
    "two_sample_auc",
)
"""In this order, until the table is no wider than the terminal; the page has them all."""


class Board:
    """The experiment's steps: how many are done, and how the running ones stand."""

    def __init__(self, gateway: GatewayClient) -> None:
        self._gateway = gateway
        self._nodes: dict[str, Json] = {}
        self._running: dict[str, Json] = {}
        self._looked = 0.0
        self._line = "Uploading the rows …"
        self._remaining: Remaining | None = None

    def hear(self, event: str, content: Json) -> None:
        if event == "upload":
            self._line = f"Uploading {Path(content['path']).name} …"
            return
        if event == "estimate":
            self._remaining = _remaining(self._gateway, content)
            return
        self._nodes = _nodes(event, content) or self._nodes
        self._line = ""

    def __rich__(self) -> Any:
        if not self._nodes:
            return self._line or "The experiment is accepted; its first jobs start …"
        self._look()
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("", "step", "", ""):
            table.add_column(column, no_wrap=True)
        for name, node in self._nodes.items():
            job = self._running.get(name, {})
            table.add_row(
                MARKS.get(node["state"], " "),
                escape(name),
                _bar(job.get("progress")),
                _pace(job.get("progress")),
            )
        left = self._remaining.seconds() if self._remaining else None
        return table if left is None else Group(table, f"[dim]About {in_words(left)} left[/]")

    def _look(self) -> None:
        """Ask how the running jobs stand, at most once a second: the experiment's events only name them."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        self._looked = time.monotonic()
        self._running = {
            name: self._gateway.get(f"/v1/jobs/{node['job']}")
            for name, node in self._nodes.items()
            if node["state"] == "running" and node.get("job")
        }


class Lines:
    """The same for a log, which is no terminal: a line for each step when it is done or has failed."""

    def __init__(self, console: Console, gateway: GatewayClient) -> None:
        self._console = console
        self._gateway = gateway
        self._told: set[str] = set()
        self._remaining: Remaining | None = None

    def hear(self, event: str, content: Json) -> None:
        if event == "estimate":
            self._remaining = _remaining(self._gateway, content)
            if self._remaining.whole is not None:
                self._console.print(f"It takes about {in_words(self._remaining.whole)}.", highlight=False)
            return
        for name, node in _nodes(event, content).items():
            if node["state"] in TOLD and name not in self._told:
                self._told.add(name)
                left = self._remaining.seconds() if self._remaining else None
                after = "" if left is None else f" [dim](about {in_words(left)} left)[/]"
                self._console.print(f"{MARKS[node['state']]} {escape(name)}{after}", highlight=False)


def _remaining(gateway: GatewayClient, content: Json) -> Remaining:
    return Remaining(lambda: expected_seconds(gateway, content["recipe"]))


def _nodes(event: str, content: Json) -> dict[str, Json]:
    """The steps that an event tells of; none when it tells of something else."""
    progress = content if event == "progress" else content.get("progress") or {}
    found: dict[str, Json] = progress.get("detail", {}).get("nodes", {})
    return found


def _bar(progress: Json | None) -> str:
    if not progress or not progress.get("total"):
        return ""
    done: int = round(20 * min(float(progress["done"]) / float(progress["total"]), 1.0))
    return "━" * done + "[dim]" + "━" * (20 - done) + "[/]"


def _pace(progress: Json | None) -> str:
    if not progress:
        return ""
    pieces = [f"{progress['done']:g} {progress['unit']}"]
    if progress.get("eta_seconds") is not None:
        pieces.append(f"{progress['eta_seconds']:.0f} s left")
    if progress.get("note"):
        pieces.append(progress["note"])
    return "[dim]" + " · ".join(pieces) + "[/]"


@contextmanager
def following(console: Console, gateway: GatewayClient) -> Iterator[Callable[[str, Json], None]]:
    """A live board while the block runs; what is yielded hears the events."""
    if not console.is_terminal:
        yield Lines(console, gateway).hear
        return
    board = Board(gateway)
    with Live(board, console=console, refresh_per_second=4, transient=False):
        yield board.hear
    console.print()


def _cell(cell: Json) -> str:
    value = cell["value"]
    if value is None:
        return "–"
    if floor := cell.get("no_shift"):
        # A shift is above its "none" by chance alone: what counts is the excess.
        return (
            f"{floor['excess']:+.2g} (p {floor['p_value']:.2g})" if floor["p_value"] <= SEEN else "none seen"
        )
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    margin = 0.0 if cell["low"] is None else (cell["high"] - cell["low"]) / 2
    if margin <= 0:
        return text
    decimals = max(0, 1 - math.floor(math.log10(margin)))  # two digits of the margin, and as far of the value
    return f"{value:.{decimals}f} ± {margin:.{decimals}f}"


def _fitting(console: Console, report: Json) -> Table:
    columns = [column for column in SHOWN if column in report.get("columns", [])]
    table = _table(report, columns)
    wide = console.options.update(width=1000)  # what the table would like, not what it can be squeezed to
    for column in LEFT_OUT_FIRST:
        if console.measure(table, options=wide).maximum <= console.width:
            break
        columns = [kept for kept in columns if kept != column]
        table = _table(report, columns)
    return table


def _table(report: Json, columns: list[str]) -> Table:
    table = Table(header_style="bold")
    for column in columns:
        justify: Literal["left", "right"] = "left" if column == "run" else "right"
        cells = [row[column] for row in report.get("table", [])]
        excess = " excess" if any(cell.get("no_shift") for cell in cells) else ""
        table.add_column(column.replace("_", " ") + excess, justify=justify)
    for row in report.get("table", []):
        table.add_row(*(_cell(row[column]) for column in columns))
    return table


def show(console: Console, outcome: Outcome) -> None:
    if outcome.reused:
        console.print("[green]The same experiment was run before: nothing was computed again.[/]")
    for detail, steps in outcome.failures.items():
        console.print(f"[red]✗ {escape(', '.join(steps))}[/]: {escape(detail)}", highlight=False)
    if outcome.page is None:
        console.print(f"[red]The experiment ended {outcome.job['state']} and made no report.[/]")
        return
    report = outcome.report or {}
    console.print(_fitting(console, report))
    for line in report.get("findings", []):
        console.print(f"• {line}", highlight=False)
    console.print(f"The report: [bold]{outcome.page}[/]")
