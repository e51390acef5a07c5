"""Chance by name: the draws of a candidate are a pure function of the request's seed and the candidate's
name.

A counter-based generator (BLAKE2b of name and counter): a million candidates can be made in any order, each
from its own stream. `random.Random` would do, but seeding its 624 words costs twenty times what a candidate
draws.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import TypeVar

T = TypeVar("T")
_WORDS = Struct("<8Q")
_UNIT = 2.0**-53


class Chance:
    """Independent uniform draws, always the same ones for the same name.

    `call_seed` is a number apart from them, for requests to a model: the seed of its own sampling.
    """

    __slots__ = ("_block", "_left", "_name", "call_seed")

    def __init__(self, *name: object) -> None:
        self._name = "/".join(map(str, name)).encode()
        self._block = 0
        self._left: list[int] = []
        self._refill()
        self.call_seed = self._left.pop() & 0x7FFF_FFFF

    def _refill(self) -> None:
        digest = blake2b(self._name, digest_size=64, salt=self._block.to_bytes(16, "little")).digest()
        self._left.extend(_WORDS.unpack(digest))
        self._block += 1

    def _word(self) -> int:
        if not self._left:
            self._refill()
        return self._left.pop()

    def uniform(self) -> float:
        """In [0, 1), 53 bits."""
        left = self._left
        if not left:
            self._refill()
        return (left.pop() >> 11) * _UNIT

    def below(self, count: int) -> int:
        """Uniform on 0…count−1 (the bias of the remainder is below count / 2⁶⁴)."""
        return self._word() % count

    def choice(self, items: Sequence[T]) -> T:
        return items[self._word() % len(items)]

    def weighted(self, items: Sequence[T], bounds: Sequence[float]) -> T:
        """One of the items, by cumulative weights. It takes one draw, whatever the weights are: the draws
        after it stay the same when weights change."""
        return items[min(bisect_right(bounds, self.uniform() * bounds[-1]), len(items) - 1)]

    def sample(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different places of `items`, in random order. Raises ValueError when there are fewer."""
        size = len(items)
        if count > size:
            raise ValueError(f"{count} of {size} items cannot be drawn")
        if 3 * count > size:
            return self.shuffled(items)[:count]
        places: dict[int, None] = {}
        left = self._left
        while len(places) < count:
            if not left:
                self._refill()
            places[left.pop() % size] = None
        return [items[place] for place in places]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Fisher–Yates."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self._word() % (last + 1)
            order[last], order[other] = order[other], order[last]
        return order
