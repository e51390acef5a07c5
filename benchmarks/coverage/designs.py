"""How the rows of both sides are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.coverage.texts import Source

EACH = 8
"""Answers to a prompt: 25 prompts make 200 rows."""
COPIES = 0.3


@dataclass(frozen=True)
class Drawn:
    """Texts of both sides, and what each came from where rows share it."""

    texts: list[str]
    reference: list[str]
    groups: list[str] | None = None
    reference_groups: list[str] | None = None


Design = Callable[[Source, int, np.random.Generator, bool], Drawn]


def independent(source: Source, rows: int, random: np.random.Generator, shifted: bool) -> Drawn:
    """As many rows a side, each by itself."""
    return _alone(source, rows, rows, random, shifted)


def unequal(source: Source, rows: int, random: np.random.Generator, shifted: bool) -> Drawn:
    """A reference of twice the rows."""
    return _alone(source, rows, 2 * rows, random, shifted)


def prompts(source: Source, rows: int, random: np.random.Generator, shifted: bool) -> Drawn:
    """Eight answers to each prompt, other prompts on the two sides."""
    own, others = (np.repeat(random.integers(0, 2**40, rows // EACH), EACH) for _ in range(2))
    return Drawn(
        source.texts(own, random, shifted=shifted),
        source.texts(others, random, shifted=False),
        [str(prompt) for prompt in own],
        [str(prompt) for prompt in others],
    )


def pairs(source: Source, rows: int, random: np.random.Generator, shifted: bool) -> Drawn:
    """One answer to each prompt on either side."""
    both = random.integers(0, 2**40, rows)
    names = [str(prompt) for prompt in both]
    sides = (source.texts(both, random, shifted=law) for law in (shifted, False))
    return Drawn(*sides, names, names)


def copies(source: Source, rows: int, random: np.random.Generator, shifted: bool) -> Drawn:
    """Sides of which 30 % are copies of their other rows."""
    fresh = rows - int(COPIES * rows)
    drawn = _alone(source, fresh, fresh, random, shifted)
    sides = (
        side + [side[row] for row in random.integers(0, fresh, rows - fresh)]
        for side in (drawn.texts, drawn.reference)
    )
    return Drawn(*sides)


DESIGNS: dict[str, Design] = {
    "independent": independent,
    "prompts": prompts,
    "pairs": pairs,
    "unequal": unequal,
    "copies": copies,
}


def _alone(source: Source, rows: int, reference: int, random: np.random.Generator, shifted: bool) -> Drawn:
    drawn = (random.integers(0, 2**40, count) for count in (rows, reference))
    sides = (
        source.texts(numbers, random, shifted=law)
        for numbers, law in zip(drawn, (shifted, False), strict=True)
    )
    return Drawn(*sides)
