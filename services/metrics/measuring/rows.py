"""Single rows: what was asked for each of them, and those that a measure names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress, count
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True)
class Asked:
    """What was asked for the texts of a set. Both are read when somebody wants them.

    `rows` gives, text by text, what the model wrote of it (of an answer to a given prompt the answer alone)
    and the prompt that it was written to, None where that is not kept. `examples` are the texts that prompts
    show.
    """

    rows: Callable[[], Iterator[tuple[str, str | None]]]
    examples: Callable[[], pa.ChunkedArray] | None = None

    def take(self, rows: NDArray[np.int64]) -> Asked:
        """Of these rows, given by ascending places, alone."""
        return replace(self, rows=partial(self._some, frozenset(rows.tolist())))

    def _some(self, places: frozenset[int]) -> Iterator[tuple[str, str | None]]:
        return compress(self.rows(), (place in places for place in count()))


@dataclass(frozen=True)
class Listed:
    """A row that a measure names: its place in its set, what is told of it, and the row of the dataset that
    stands beside it, if any."""

    row: int
    told: Mapping[str, float | str | bool]
    beside: int | None = None


@dataclass(frozen=True)
class Listing:
    """The rows that a measure names, in the order in which people should see them, and whose they are."""

    side: Literal["dataset", "reference"]
    rows: Sequence[Listed]
