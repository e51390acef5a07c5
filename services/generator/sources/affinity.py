"""Which server keeps which long prefix: rendezvous hashing with bounded loads.

Rendezvous (highest random weight) hashing sends all calls of one prefix to one server and moves only a dead
server's share; the bound (Mirrokni et al., "Consistent hashing with bounded loads", 2018) sends a *new*
prefix past a server that is already `BOUND` times as busy as the mean, so that no server is the last to
finish.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b

BOUND = 1.15
REMEMBERED = 65_536


def ranking(prefix: str, servers: list[str]) -> list[str]:
    """Servers by their weight for this prefix, best first."""

    def weight(server: str) -> bytes:
        return blake2b(f"{server}\x00{prefix}".encode(), digest_size=8).digest()

    return sorted(servers, key=weight, reverse=True)


class Affinity:
    """Remembers the home of each prefix in use; asks for a new one only when it has none or it is gone."""

    def __init__(self) -> None:
        self._homes: OrderedDict[str, str] = OrderedDict()

    def home(self, prefix: str, loads: Mapping[str, int]) -> str:
        """The server for `prefix` among the live ones; `loads` are their calls in flight and waiting."""
        known = self._homes.get(prefix)
        if known is not None and known in loads:
            self._homes.move_to_end(prefix)
            return known
        bound = BOUND * (sum(loads.values()) + 1) / len(loads)
        ranked = ranking(prefix, list(loads))
        home = next((name for name in ranked if loads[name] <= bound), ranked[0])
        self._homes[prefix] = home
        if len(self._homes) > REMEMBERED:
            self._homes.popitem(last=False)
        return home
