"""What a reader finds in a file: records, or faults with the place they are at."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.problems import pointer
from shared.datasets import Row

MAX_ROW_BYTES = 16 * 2**20
"""A row larger than this is refused before it is in memory. Longer than any novel; a file without line ends
is the usual cause."""


@dataclass(frozen=True)
class FileRecord:
    """One row as the file has it. `number` counts rows from 0; `line` is the file's, from 1, where it has
    lines."""

    number: int
    line: int | None
    values: Row
    left_out: tuple[str, ...] = ()
    """Columns whose values are nothing that a row can hold (images, sound), and are null in `values`."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row. `column` is None when it is the row as a whole. Faults of one `kind` in one
    column are told once, with their number; without it, those of one `detail`."""

    number: int
    line: int | None
    column: str | None
    detail: str
    kind: str | None = None

    @property
    def place(self) -> int:
        """The line, or the row where the file has no lines."""
        return self.number if self.line is None else self.line

    @property
    def pointer(self) -> str:
        """A JSON pointer to the row, or to its column."""
        return pointer(("rows", self.number) if self.column is None else ("rows", self.number, self.column))


class UnreadableRest(Exception):
    """The rest of the file cannot be read: what follows this fault has no rows to speak of."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault
