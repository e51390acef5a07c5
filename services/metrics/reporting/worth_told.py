"""What a generated row is worth in real ones, in words."""

from __future__ import annotations

from collections.abc import Iterator

from services.metrics.exchange.rates import ExchangeRate
from services.metrics.reporting.verdicts import Dose
from services.metrics.reporting.worth import RowsWorth, RowWorth


def worth_clause(found: RowsWorth | None, dose: Dose) -> str:
    """`; each is worth about 0.9 of a real row (0.7 to 1.1)`; empty where the runs do not say."""
    worth = found.of(dose) if found else None
    return f"; {each(worth)}" if worth else ""


def worth_sentences(found: RowsWorth | None) -> list[str]:
    """The best of each design in real rows, and what that rests on."""
    if found is None or not found.worths:
        return []
    best: dict[str | None, RowWorth] = {}
    for worth in found.worths:  # from the lowest loss on
        best.setdefault(worth.dose.design, worth)
    return [_in_real_rows(worth, found) for worth in best.values()] + [_rests_on(found)]


def each(worth: RowWorth) -> str:
    """`each is worth about 0.9 of a real row (0.7 to 1.1)`."""
    rate = worth.rate
    if rate.rate is None:
        if rate.sign > 0:
            return f"each is worth at least {_of_a_row(rate.low or 0.0)}"
        return "what each is worth in real rows is beyond what their curve tells"
    if rate.level is not None and rate.sign == 0:
        sign = "-" if rate.rate < 0 else ""
        told = f"each is worth about {sign}{_of_a_row(abs(rate.rate))}"
        return f"{told}, which this curve cannot tell from nothing {_bounds(rate)}".rstrip()
    if rate.rate < 0:
        return f"each takes away what {_of_a_row(-rate.rate)} gives {_bounds(rate)}".rstrip()
    return f"each is worth about {_of_a_row(rate.rate)} {_bounds(rate)}".rstrip()


def _of_a_row(amount: float) -> str:
    """`0.9 of a real row`, `1.3 real rows`."""
    told = f"{amount:.2g}"
    return f"{told} of a real row" if float(told) < 1 else f"{told} real row{'s' if float(told) > 1 else ''}"


def _bounds(rate: ExchangeRate) -> str:
    if rate.level is None:
        return ""
    if rate.low is None:
        return ""
    if rate.high is None:
        return f"({rate.low:.2g} or more)"
    return f"({rate.low:.2g} to {rate.high:.2g})"


def _in_real_rows(worth: RowWorth, found: RowsWorth) -> str:
    rows = f"The {worth.generated:,.0f} rows of {worth.dose.condition.pool or worth.dose.name}"
    beside = f", beside {worth.real:,.0f} real ones," if worth.real else " by themselves"
    if worth.rate.equal is None:
        return f"{rows}{beside} do what no number of real rows does, as far as their curve tells."
    said = f"{rows}{beside} do as much as {worth.rate.equal:,.0f} real rows alone: {each(worth)}."
    if worth.rate.extrapolated:
        beyond = "more than" if worth.rate.equal > found.curve.largest else "fewer than"
        edge = found.curve.largest if worth.rate.equal > found.curve.largest else found.curve.smallest
        said += f" That is an extrapolation: {beyond} {edge:,.0f} real rows were not tried."
    return said


def _rests_on(found: RowsWorth) -> str:
    sizes = len(set(found.sizes))
    family = {"power_law": "a power law", "monotone": "a falling curve"}[found.curve.family]
    said = (
        f"That is by the learning curve of real rows alone at {sizes} sizes, from "
        f"{found.curve.smallest:,.0f} to {found.curve.largest:,.0f} ({family})"
    )
    covered = list(_covered(found))
    if not covered:
        return f"{said}; nothing tells how sure it is: run several seeds."
    return f"{said}. The intervals cover {' and '.join(covered)}, each at 95 % by itself."


def _covered(found: RowsWorth) -> Iterator[str]:
    if found.curve.over_rows:
        yield "test rows"
    if freedom := found.curve.freedom:
        yield (
            f"the chance of each training (a spread of {found.curve.spread:.2g}, by {freedom} degree"
            f"{'s' if freedom > 1 else ''} of freedom)"
        )
