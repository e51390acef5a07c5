"""Prefixes have homes: steady, spread, and moved only when they must be."""

from __future__ import annotations

from collections import Counter

from services.generator.sources.affinity import BOUND, Affinity, ranking

SERVERS = ["a", "b", "c", "d"]


def test_a_home_is_kept_while_its_server_lives() -> None:
    affinity = Affinity()
    first = affinity.home("context", dict.fromkeys(SERVERS, 0))
    busy = {server: 100 if server == first else 0 for server in SERVERS}
    assert affinity.home("context", busy) == first


def test_only_a_dead_servers_prefixes_move() -> None:
    before = {f"p{i}": ranking(f"p{i}", SERVERS)[0] for i in range(1000)}
    after = {f"p{i}": ranking(f"p{i}", SERVERS[1:])[0] for i in range(1000)}
    moved = [prefix for prefix in before if before[prefix] != after[prefix]]
    assert {before[prefix] for prefix in moved} == {"a"}
    assert 200 < len(moved) < 300


def test_new_prefixes_go_past_busy_servers() -> None:
    affinity, loads = Affinity(), dict.fromkeys(SERVERS, 0)
    for number in range(355):
        home = affinity.home(f"context {number}", loads)
        loads[home] += 30
    assert max(loads.values()) <= BOUND * sum(loads.values()) / 4 + 30


def test_the_spread_is_even_enough_without_load() -> None:
    counts = Counter(ranking(f"p{i}", SERVERS)[0] for i in range(4000))
    assert min(counts.values()) > 900
