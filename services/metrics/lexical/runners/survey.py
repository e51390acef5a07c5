"""One pass over the n-grams of one order in one slice of the key space, for every measure that needs it.

What it finds adds up over slices, all in integers; a slice needs the tokens of all shards (eight bytes
each, read one shard at a time) and the n-grams of the slice only. Slices are what runs side by side: each
worker owns some, and nothing has to be merged but a few sums for each text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.measures.repetition import Repetition
from services.metrics.lexical.ngrams.partition import Entries, Partitioner, Slice, slices_for
from services.metrics.lexical.ngrams.records import record_memory, survey_parts
from services.metrics.lexical.ngrams.spectrum import Spectrum, tally_room
from services.metrics.lexical.settings import LexicalSettings
from services.metrics.lexical.text.tokens import Tokens

BYTES_PER_ENTRY = 16
"""An n-gram's key and document, and its share of a part's table."""


@dataclass(frozen=True)
class SurveyTask:
    """Count the n-grams of `order` in a slice; `bleu` and `repetition` say what else to find."""

    order: int
    key_slice: Slice
    bleu: bool
    repetition: bool


@dataclass(frozen=True)
class Survey:
    """What a task found: the spectrum, and where asked for, sums for each text."""

    order: int
    spectrum: Spectrum
    matches: NDArray[np.int64] | None = None
    repetition: Repetition | None = None

    def merge(self, other: Self) -> Self:
        """The same order in two slices."""
        return type(self)(
            self.order,
            self.spectrum.merge(other.spectrum),
            None if self.matches is None or other.matches is None else self.matches + other.matches,
            None if not self.repetition or not other.repetition else self.repetition + other.repetition,
        )


def survey_tasks(settings: LexicalSettings, tokens: int, memory: int) -> list[SurveyTask]:
    """All tasks, such that one holds about `memory` bytes at most (but never less than a 256th)."""
    slices = slices_for(tokens * BYTES_PER_ENTRY, memory)
    return [
        SurveyTask(order, Slice(index, slices), order <= settings.longest, order == settings.repetition_order)
        for order in settings.counted
        for index in range(slices)
    ]


def survey(shards: Sequence[Tokens], tasks: Iterable[SurveyTask]) -> list[Survey]:
    """Run tasks one after another over the tokens of all shards; the surveys of each order merged."""
    partitioner = Partitioner(shards)
    found: dict[int, Survey] = {}
    for task in tasks:
        one = _run(partitioner, task)
        found[task.order] = found[task.order].merge(one) if task.order in found else one
    return list(found.values())


def _run(partitioner: Partitioner, task: SurveyTask) -> Survey:
    with_documents = task.bleu or task.repetition
    entries = partitioner.entries(task.order, documents=with_documents, key_slice=task.key_slice)
    if not with_documents:
        return Survey(task.order, Spectrum.of_entries(entries))
    return _with_documents(entries, partitioner.documents, task)


def _with_documents(entries: Entries, documents: int, task: SurveyTask) -> Survey:
    tally, common = tally_room(len(entries.keys))
    matches = np.zeros(documents, np.int64)
    sums = Repetition.zeros(documents if task.repetition else 0)
    memory = record_memory(entries.largest)
    beyond = survey_parts(
        entries.keys,
        entries.documents,
        entries.starts,
        memory,
        tally,
        common,
        matches,
        sums.occurrences,
        sums.types,
    )
    spectrum = Spectrum.tallied(tally, common[:beyond])
    return Survey(task.order, spectrum, matches if task.bleu else None, sums if task.repetition else None)


def merged(surveys: Iterable[Survey]) -> dict[int, Survey]:
    """Surveys of any slices, merged by order."""
    found: dict[int, Survey] = {}
    for one in surveys:
        found[one.order] = found[one.order].merge(one) if one.order in found else one
    return found
