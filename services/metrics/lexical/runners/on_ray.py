"""The same work on a Ray cluster (the optional extra `ray`), for datasets that outgrow one machine.

Shards become tasks, or the blocks of a Ray Data dataset do; their tokens stay in Ray's object store, on
the nodes that made them, and each slice's task reads them one shard at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

import ray

from services.metrics.lexical.runners.local import Shard, texts_of
from services.metrics.lexical.runners.summary import Summary
from services.metrics.lexical.runners.survey import Survey, SurveyTask, survey
from services.metrics.lexical.settings import LexicalSettings
from services.metrics.lexical.text.tokens import Tokens

if TYPE_CHECKING:
    from ray.data import Dataset


class OnRay:
    """On the Ray cluster this process is connected to (`ray.init`). Shards may be Ray object references."""

    def __init__(self) -> None:
        resources: dict[str, float] = ray.cluster_resources()
        self.workers = max(int(resources.get("CPU", 1)), 1)

    def __enter__(self) -> Self:
        self._tokens: list[Any] = []
        return self

    def __exit__(self, *error: object) -> None:
        self._tokens = []

    def summaries(self, shards: Iterable[Shard], settings: LexicalSettings) -> Iterator[Summary]:
        task: Any = ray.remote(num_returns=2)(_summarise)
        pairs = [task.remote(shard, settings) for shard in shards]
        self._tokens = [tokens for _, tokens in pairs]
        for summary, _ in pairs:
            yield ray.get(summary)

    def surveys(self, tasks: Sequence[SurveyTask]) -> Iterable[Survey]:
        task = ray.remote(_survey)
        waiting = [task.remote(self._tokens, one) for one in tasks]
        while waiting:
            done, waiting = ray.wait(waiting)
            for found in ray.get(done):
                yield from found


class _Fetched(Sequence[Tokens]):
    """Tokens behind Ray references, fetched when they are looked at and not kept."""

    def __init__(self, references: list[Any]) -> None:
        self._references = references

    def __len__(self) -> int:
        return len(self._references)

    def __getitem__(self, number: Any) -> Any:
        tokens: Tokens = ray.get(self._references[number])
        return tokens


def _summarise(shard: Shard, settings: LexicalSettings) -> tuple[Summary, Tokens]:
    return Summary.of(texts_of(shard), settings)


def _survey(references: list[Any], task: SurveyTask) -> list[Survey]:
    return survey(_Fetched(references), [task])


def column_shards(dataset: Dataset, column: str) -> list[Any]:
    """The blocks of one column of a Ray Data dataset, as shards; no text comes to this process."""
    pick = ray.remote(_pick)
    return [pick.remote(block, column) for block in dataset.to_arrow_refs()]


def _pick(block: Any, column: str) -> Any:
    return block.column(column)
