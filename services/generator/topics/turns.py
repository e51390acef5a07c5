"""Which topic a candidate gets: any (W), or each as often as the others (C).

Random topics are drawn by records: of an endless series of independent uniform numbers, one for each topic,
the place of the smallest among the first m is uniform on 1…m; and it is the same place for m' > m, unless a
smaller number comes after m (probability 1 − m/m'). So candidate i of a level of m topics keeps its topic in
a larger level with probability m/m', and with it its prompt, its call and its answer: levels differ only
where they must, and a shared call is paid once. Each level by itself is still a uniform draw for each
prompt, as in W. (No coupling keeps more: m/m' is the most that two uniform draws can agree. What is left
between neighbours is measured in `docs/studies/diversity-ladder.md`.)
"""

from __future__ import annotations

from collections.abc import Sequence

from services.generator.engine.chance import Chance


def level_topics(pool: Sequence[str], count: int | None, seed: int) -> list[str]:
    """The m_t topics of a level: the first of a seeded shuffle of the pool, so that a smaller level's
    topics are among a larger one's (our choice; W samples each level's topics and does not say more).

    Raises ValueError when the pool has fewer, or none.
    """
    if not pool:
        raise ValueError("the pool of topics is empty: make one with topics in it")
    if count is not None and count > len(pool):
        raise ValueError(f"topic_count is {count}, and the pool has {len(pool)} topics: make a larger pool")
    return Chance(seed, "levels").shuffled(pool)[:count]


def last_record(count: int, chance: Chance) -> int:
    """The place (from 0) of the smallest of `count` uniform numbers, without drawing them all.

    When the smallest of the first r is at r, the next smaller one is after k with probability r/k: it is at
    ⌊r/u⌋ + 1 for a uniform u. About ln(count) steps.
    """
    record = 1
    while (following := int(record / (1.0 - chance.uniform())) + 1) <= count:
        record = following
    return record - 1


class TopicTurns:
    """`balanced`: turn after turn through all topics, each in a new seeded order; else drawn at random."""

    def __init__(self, topics: Sequence[str], *, balanced: bool, seed: int) -> None:
        self.all = topics
        self._balanced = balanced
        self._seed = seed
        self._orders: dict[int, list[int]] = {}

    def topic(self, number: int, chance: Chance) -> str:
        """The topic of candidate `number`, the last thing that is drawn from its chance: how many draws it
        takes depends on how many topics there are, and nothing else of the candidate may."""
        if not self._balanced:
            return self.all[last_record(len(self.all), chance)]
        turn, place = divmod(number, len(self.all))
        return self.all[self._order(turn)[place]]

    def _order(self, turn: int) -> list[int]:
        """The order of one turn; the last ones are remembered."""
        if turn not in self._orders:
            order = Chance(self._seed, "turn", turn).shuffled(range(len(self.all)))
            self._orders = {kept: self._orders[kept] for kept in list(self._orders)[-2:]} | {turn: order}
        return self._orders[turn]
