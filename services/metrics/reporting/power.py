"""What a report's runs could have shown, and what would show more: they are the pilot of the next ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from services.metrics.intervals.losses import difference_interval
from services.metrics.problems import Unmeasurable
from services.metrics.reporting.conditions import Condition
from services.metrics.sequential.power import WANTED, Pilot
from services.metrics.sequential.stopping import Look, look


@dataclass(frozen=True)
class Certainty:
    """Of the comparison that a verdict rests on. `matters`: the smallest change that the caller cares for,
    and `look` what the seeds so far say of it, at every look together; None where nobody said."""

    name: str
    against: str
    pilot: Pilot
    matters: float | None
    look: Look | None


def certainty(
    condition: Condition, other: Condition, *, replicates: str, matters: float | None, comparisons: int
) -> Certainty | None:
    """None where the rows' losses were not kept."""
    pilot = pilot_of(condition, other)
    if pilot is None:
        return None
    found = None
    changes = _by_seed(condition, other, replicates)
    if matters is not None and changes:
        error = pilot.row_deviation / pilot.rows**0.5
        found = look(changes, error, matters, alpha=0.05 / max(1, comparisons))
    return Certainty(condition.name, other.name, pilot, matters, found)


def is_settled(found: Certainty | None) -> bool:
    """Whether no further seed can change what is said of what matters."""
    return found is not None and found.look is not None and found.look.more != "seed"


def certainty_told(found: Certainty | None) -> list[str]:
    """`With 376 test rows and 3 seeds a change of 0.05 shows with 80 % power; …`"""
    return [] if found is None else list(_sentences(found))


def _sentences(found: Certainty) -> Iterator[str]:
    pilot = found.pilot
    smallest = pilot.smallest
    change = found.matters if found.matters is not None else smallest / 2
    wanted = "what matters to you" if found.matters is not None else "half of that"
    seeds = f"{pilot.seeds} seeds" if pilot.seeds > 1 else "1 seed"
    said = (
        f"With {pilot.rows:,} test rows and {seeds} a change from {found.against} of {smallest:.2g} shows "
        f"with {WANTED:.0%} power"
    )
    if change >= smallest:
        yield f"{said}: enough for {wanted} ({change:.2g})."
    elif change > 0:
        yield f"{said}; {wanted} ({change:.2g}) takes {_takes(pilot, change)}."
    if pilot.seeds == 1:
        yield "That is of test rows alone: what another seed would change is not known from one."
    if found.look is not None and found.matters is not None:
        yield _looked(found.name, found.look, found.matters)


def _takes(pilot: Pilot, change: float) -> str:
    rows = pilot.rows_for(change)
    seeds = pilot.seeds_for(change) if pilot.seeds > 1 else None
    ways = [f"{rows:,} test rows" if rows else "", f"{seeds:,} seeds" if seeds else ""]
    return " or ".join(way for way in ways if way) or "more test rows and more seeds together"


def _looked(name: str, found: Look, matters: float) -> str:
    so_far = f"After {found.seeds} seed{'s' if found.seeds > 1 else ''}, and at every look before, {name} is"
    if found.decided == "equivalent":
        return f"{so_far} equivalent within {matters:.2g}: stop here."
    if found.decided != "undecided":
        return f"{so_far} {found.decided} ({found.low:+.2g} to {found.high:+.2g}): stop here."
    if found.more == "seed":
        return f"{so_far} undecided, and another seed can decide it: post the study again with one more."
    return f"{so_far} undecided, and no seed can decide it: it takes more test rows."


def _by_seed(condition: Condition, other: Condition, replicates: str) -> list[float]:
    """The change in loss of each seed that both have, in the order of the runs."""
    there = {run.axes.get(replicates): run.figure("loss") for run in other.runs}
    pairs = [(run.figure("loss"), there.get(run.axes.get(replicates))) for run in condition.runs]
    return [here - known for here, known in pairs if here is not None and known is not None]


def pilot_of(condition: Condition, other: Condition) -> Pilot | None:
    """Of two conditions on the same test rows; None where their rows' losses were not kept. With one seed the
    spread over seeds is unknown, and what the pilot foretells is of test rows only."""
    first, second = condition.row_losses(), other.row_losses()
    if first is None or second is None or first.drawn < 2:
        return None
    try:
        error = difference_interval(first, second).standard_error
    except Unmeasurable:  # evaluated on other rows
        return None
    here, there = condition.figures("loss"), other.figures("loss")
    seeds = min(len(here), len(there))
    deviations = [float(np.std(values, ddof=1)) if seeds > 1 else 0.0 for values in (here, there)]
    return Pilot(first.drawn, seeds, error * first.drawn**0.5, (deviations[0], deviations[1]))
