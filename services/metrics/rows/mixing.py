"""Mixing real and generated rows at a share ρ = generated / (real + generated).

"What Matters in LLM-generated Data" (2506.19262) mixes in two ways: at a *fixed size*, where generated rows
take the place of real ones, and *additively*, where they are added to all the real rows. For one seed the
mixtures of a dose curve are nested: a higher ρ keeps every generated row of a lower one and adds to them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from typing import Literal

from services.metrics.problems import Unmeasurable
from services.metrics.rows.ordering import seeded_order
from services.metrics.rows.side import Side, Unit

Mode = Literal["fixed", "additive"]
Origin = Literal["real", "generated"]


@dataclass(frozen=True)
class Mixture:
    """The rows of a mixture in training order, and the share that was reached.

    `share` is ρ as reached, in `unit`: exact to half a row for rows, to half of one row's tokens for tokens.
    """

    rows: tuple[tuple[Origin, str], ...]
    unit: Unit
    real_amount: int
    generated_amount: int

    @property
    def share(self) -> float:
        total = self.real_amount + self.generated_amount
        return self.generated_amount / total if total else 0.0

    def ids(self, origin: Origin) -> list[str]:
        """The ids that came from one side, in training order."""
        return [row for side, row in self.rows if side == origin]


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
    """A mixture at share `rho`, in rows or in tokens.

    mode "fixed":    ρ·size generated and (1 − ρ)·size real. `size` defaults to all of `real`.
    mode "additive": all of `real` (or `size` of it) and ρ/(1 − ρ) times as much generated; ρ < 1.

    Amounts are rounded half up. Raises Unmeasurable when ρ is outside its range or a side is too small,
    saying how much it lacks.
    """
    wanted_real, wanted_generated = amounts(rho, mode, real.amount(unit) if size is None else size)
    _require(real, wanted_real, unit, "real")
    _require(generated, wanted_generated, unit, "generated")
    chosen_real = real.choose(wanted_real, unit, seed)
    chosen_generated = generated.choose(wanted_generated, unit, seed)
    return Mixture(
        rows=_training_order(chosen_real, chosen_generated, seed),
        unit=unit,
        real_amount=real.amount_of(chosen_real, unit),
        generated_amount=generated.amount_of(chosen_generated, unit),
    )


def amounts(rho: float, mode: Mode, size: int) -> tuple[int, int]:
    """(real, generated) amounts of a mixture: of `size` in all when fixed, added to `size` real when
    additive."""
    if not 0 <= rho <= 1:
        raise Unmeasurable("bad_share", f"ρ is a share between 0 and 1, not {rho}.", field="rho")
    if size < 1:
        raise Unmeasurable(
            "bad_size", f"A mixture of size {size} is empty: ask for at least 1.", field="size"
        )
    if mode == "fixed":
        added = floor(rho * size + 0.5)
        return size - added, added
    if rho == 1:
        raise Unmeasurable(
            "bad_share", "ρ = 1 leaves no room for the real rows: mix at a fixed size.", field="rho"
        )
    return size, floor(rho / (1 - rho) * size + 0.5)


def _require(side: Side, amount: int, unit: Unit, name: str) -> None:
    available = side.amount(unit)
    if amount > available:
        raise Unmeasurable(
            "too_few_rows",
            f"The mixture needs {amount} {name} {unit} and there are {available}: lower ρ or the size, "
            f"or make {amount - available} more.",
            field="size",
        )


def _training_order(
    real: Sequence[str], generated: Sequence[str], seed: int
) -> tuple[tuple[Origin, str], ...]:
    """Both sides interleaved by their seeded places, so that no training batch holds one side alone."""
    origins: dict[str, tuple[Origin, str]] = {f"real/{row}": ("real", row) for row in real}
    origins |= {f"generated/{row}": ("generated", row) for row in generated}
    return tuple(origins[key] for key in seeded_order(list(origins), seed))
