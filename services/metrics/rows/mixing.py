"""Mixing any number of sources by weight; the short form mixes real and generated rows at a share
ρ = generated / (real + generated).

"What Matters in LLM-generated Data" (2506.19262) mixes in two ways: at a *fixed size*, where generated rows
take the place of real ones, and *additively*, where they are added to all the real rows. Here the first part
of a mixture is the one that others take the place of or are added to, and the paper's two-sided mixture is
the case of two parts. For one seed mixtures are nested: a larger one of the same weights contains the smaller
one, and a higher ρ keeps every generated row of a lower one and adds to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Literal

from services.metrics.problems import Unmeasurable
from services.metrics.rows.apportioning import apportion, largest_total, nearest
from services.metrics.rows.ordering import seeded_order
from services.metrics.rows.side import Side, Unit
from shared.contracts.mixture import added_rows

Mode = Literal["fixed", "additive"]
Weights = tuple[Fraction, ...]


@dataclass(frozen=True)
class Mixture:
    """The rows of a mixture in training order, each with the name of its part, and what each part came to.

    `amounts` are in `unit`: exact in rows, in tokens to half of one row's. The first part is the real one.
    """

    rows: tuple[tuple[str, str], ...]
    unit: Unit
    amounts: Mapping[str, int]

    @property
    def real_amount(self) -> int:
        """Of the first part."""
        return next(iter(self.amounts.values()))

    @property
    def generated_amount(self) -> int:
        """Of all other parts."""
        return sum(self.amounts.values()) - self.real_amount

    @property
    def share(self) -> float:
        """ρ as reached: the share of all parts but the first."""
        total = self.real_amount + self.generated_amount
        return self.generated_amount / total if total else 0.0

    def ids(self, part: str) -> list[str]:
        """The ids that came from one part, in training order."""
        return [row for name, row in self.rows if name == part]


def mix_parts(
    parts: Mapping[str, Side],
    weights: Weights,
    *,
    mode: Mode,
    unit: Unit = "rows",
    size: int | None = None,
    seed: int,
) -> Mixture:
    """A mixture of the parts by their weights, in rows or in tokens.

    mode "fixed":    `size` in all, apportioned by weight; the largest that the parts allow where unset.
    mode "additive": all of the first part (or `size` of it), and weight/first weight times as much of each
                     other one.

    Raises Unmeasurable when a part is too small, saying how much it lacks, or when the mixture is empty.
    """
    available = {name: side.amount(unit) for name, side in parts.items()}
    if size is None:
        size = next(iter(available.values())) if mode == "additive" else None
        size = largest_total(list(available.values()), weights) if size is None else size
    wanted = dict(zip(parts, parts_of(weights, mode, size), strict=True))
    for name, amount in wanted.items():
        _require(amount, available[name], unit, name)
    chosen = {name: side.choose(wanted[name], unit, seed) for name, side in parts.items()}
    return Mixture(
        rows=_training_order(chosen, seed),
        unit=unit,
        amounts={name: parts[name].amount_of(rows, unit) for name, rows in chosen.items()},
    )


def mix(
    real: Side,
    generated: Side,
    *,
    rho: float,
    mode: Mode,
    unit: Unit = "rows",
    size: int | None = None,
    seed: int,
) -> Mixture:
    """A mixture of two parts, `real` and `generated`, at share `rho`. Unset, `size` is all of `real`.

    mode "fixed":    ρ·size generated and (1 - ρ)·size real.
    mode "additive": all of `real` (or `size` of it) and ρ/(1 - ρ) times as much generated; ρ < 1.

    Amounts are rounded half up. Raises Unmeasurable as `mix_parts` does, and when ρ is outside its range.
    """
    size = real.amount(unit) if size is None else size
    weights = weights_of(rho, mode, size)
    parts = {"real": real, "generated": generated}
    return mix_parts(parts, weights, mode=mode, unit=unit, size=size, seed=seed)


def weights_of(rho: float, mode: Mode, size: int) -> Weights:
    """The weights of the real and of the generated part at share `rho` of a mixture of this size. The
    generated amount is the product that floating point makes of ρ and the size, rounded half up."""
    if not 0 <= rho <= 1:
        raise Unmeasurable("bad_share", f"ρ is a share between 0 and 1, not {rho}.", field="rho")
    _require_size(size)
    if mode == "fixed":
        share = Fraction(floor(rho * size + 0.5), size)
        return 1 - share, share
    if rho == 1:
        raise Unmeasurable(
            "bad_share", "ρ = 1 leaves no room for the real rows: mix at a fixed size.", field="rho"
        )
    return Fraction(1), Fraction(added_rows(size, rho), size)


def parts_of(weights: Weights, mode: Mode, size: int) -> list[int]:
    """The amount of each part: of `size` in all when fixed, added to `size` of the first when additive."""
    _require_size(size)
    if mode == "fixed":
        return apportion(size, weights)
    first, *others = weights
    added = nearest(sum(others, Fraction(0)) / first * size)
    return [size, *(apportion(added, others) if added else [0] * len(others))]


def _require_size(size: int) -> None:
    if size < 1:
        raise Unmeasurable(
            "bad_size", f"A mixture of size {size} is empty: ask for at least 1.", field="size"
        )


def _require(amount: int, available: int, unit: Unit, name: str) -> None:
    if amount > available:
        raise Unmeasurable(
            "too_few_rows",
            f"The mixture needs {amount} {name} {unit} and there are {available}: lower its share or the "
            f"size, or make {amount - available} more.",
            field="size",
        )


def _training_order(chosen: Mapping[str, Sequence[str]], seed: int) -> tuple[tuple[str, str], ...]:
    """All parts interleaved by their rows' seeded places, so that no training batch holds one part alone."""
    origins = {f"{name}/{row}": (name, row) for name, rows in chosen.items() for row in rows}
    return tuple(origins[key] for key in seeded_order(list(origins), seed))
