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


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row. `column` is None when it is the row as a whole."""

    number: int
    line: int | None
    column: str | None
    detail: str

    @property
    def pointer(self) -> str:
        """A JSON pointer to the row, or to its column."""
        return pointer(("rows", self.number) if self.column is None else ("rows", self.number, self.column))


class UnreadableRest(Exception):
    """The rest of the file cannot be read: what follows this fault has no rows to speak of."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault
