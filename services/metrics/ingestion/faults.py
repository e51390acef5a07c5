"""What is wrong with a file, told at once: each kind of fault with its count and its first places."""

from __future__ import annotations

from dataclasses import dataclass, field

from services.metrics.ingestion.records import Fault
from shared.contracts.problems import FieldError
from shared.errors import InvalidData

KINDS_SHOWN = 100
PLACES_SHOWN = 10


@dataclass
class _Kind:
    first: Fault
    count: int = 0
    places: list[int] = field(default_factory=list)

    def told(self, within: str) -> FieldError:
        first, pointer = self.first, within + self.first.pointer
        if self.count == 1:
            return FieldError(pointer=pointer, detail=first.detail, line=first.line)
        detail = f"{first.detail} (and {self.count - 1} more like it)"
        return FieldError(
            pointer=pointer, detail=detail, line=first.line, count=self.count, places=self.places
        )


class Faults:
    """Gathers what is wrong, a kind at a time: a file of a million bad rows takes no more than one of ten."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str | None, str], _Kind] = {}
        self.count = 0

    def add(self, *faults: Fault) -> None:
        for fault in faults:
            self.count += 1
            key = (fault.column, fault.kind or fault.detail)
            if key not in self._kinds:
                if len(self._kinds) == KINDS_SHOWN:
                    continue
                self._kinds[key] = _Kind(fault)
            found = self._kinds[key]
            found.count += 1
            if len(found.places) < PLACES_SHOWN:
                found.places.append(fault.place)

    def raise_any(self, where: str, within: str = "") -> None:
        """Raises InvalidData when there are any; at most `KINDS_SHOWN` kinds, in the order of their first.

        `where` is the pointer to the file in the request; their own begin with `within`."""
        if not self.count:
            return
        first = next(iter(self._kinds.values())).first
        place = f"line {first.line}" if first.line else f"row {first.number}"
        count = "1 fault is" if self.count == 1 else f"{self.count} faults are"
        raise InvalidData(
            f"{count} wrong in the upload (`{where.strip('/')}`), the first at {place}: {first.detail}. "
            "Nothing was kept; correct the file and upload it again.",
            [kind.told(within) for kind in self._kinds.values()],
        )
