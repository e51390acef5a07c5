"""A multimap from 64-bit keys to 32-bit values that takes 12 bytes an entry: a small log-structured merge
tree.

A Python dict takes about 100 bytes for the same, which at a million finished calls is the difference between
a worker that fits its container and one that does not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEMTABLE = 4096


class SortedRuns:
    """Newest entries in a dict; the rest in sorted arrays, each at least twice as long as the next."""

    def __init__(self) -> None:
        self._fresh: dict[int, list[int]] = {}
        self._fresh_count = 0
        self._runs: list[tuple[NDArray[np.uint64], NDArray[np.uint32]]] = []

    def __len__(self) -> int:
        return self._fresh_count + sum(len(keys) for keys, _ in self._runs)

    def add(self, key: int, value: int) -> None:
        self._fresh.setdefault(key, []).append(value)
        self._fresh_count += 1
        if self._fresh_count >= MEMTABLE:
            self._spill()

    def add_many(self, keys: NDArray[np.uint64], values: NDArray[np.uint32]) -> None:
        order = np.argsort(keys, kind="stable")
        self._push(keys[order], values[order])

    def find(self, key: int) -> list[int]:
        """Every value under the key."""
        found = list(self._fresh.get(key, ()))
        wanted = np.uint64(key)
        for keys, values in self._runs:
            at = int(keys.searchsorted(wanted))
            while at < len(keys) and keys[at] == wanted:
                found.append(int(values[at]))
                at += 1
        return found

    def _spill(self) -> None:
        keys = np.fromiter((k for k, vs in self._fresh.items() for _ in vs), np.uint64, self._fresh_count)
        values = np.fromiter((v for vs in self._fresh.values() for v in vs), np.uint32, self._fresh_count)
        self._fresh, self._fresh_count = {}, 0
        self.add_many(keys, values)

    def _push(self, keys: NDArray[np.uint64], values: NDArray[np.uint32]) -> None:
        while self._runs and len(self._runs[-1][0]) < 2 * len(keys):
            last_keys, last_values = self._runs.pop()
            keys, values = np.concatenate([last_keys, keys]), np.concatenate([last_values, values])
            order = np.argsort(keys, kind="stable")
            keys, values = keys[order], values[order]
        self._runs.append((keys, values))
