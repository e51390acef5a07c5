"""All lexical measures of a set of texts at once, from shards, in bounded memory.

Two phases. First each shard is tokenised and summarised by itself (`summary`); its tokens, eight bytes
each, are kept where the runner keeps things. Then the n-grams of all shards are counted, slice by slice of
the key space (`survey`). A runner says where shards and slices are worked on: in this process, in several
(`local`), or on a Ray cluster (`on_ray`). The values are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.metrics.lexical.runners.local import InProcess, Runner, Shard
from services.metrics.lexical.runners.report import LexicalValues, lexical_values
from services.metrics.lexical.runners.summary import Summary, merge_summaries
from services.metrics.lexical.runners.survey import merged, survey_tasks
from services.metrics.lexical.settings import LexicalSettings

DEFAULTS = LexicalSettings()
MEMORY = 1 << 30
"""Bytes that the n-grams held at a time may take, over all workers."""


def measure_texts(
    shards: Iterable[Shard],
    settings: LexicalSettings = DEFAULTS,
    *,
    runner: Runner | None = None,
    memory: int = MEMORY,
) -> LexicalValues:
    """Every lexical measure of the texts of all shards, in their order.

    shards    sequences of texts or Arrow columns, or functions of nothing that return one (picklable when
              the runner's workers are other processes)

    Besides `memory` it takes eight bytes a token and a hundred or so a text, and one shard for each worker.
    """
    runner = runner or InProcess()
    with runner:
        summaries = list(runner.summaries(shards, settings)) or [Summary.of([], settings)[0]]
        summary = merge_summaries(summaries)
        tokens = int(summary.lengths.sum())
        tasks = survey_tasks(settings, tokens, memory // runner.workers)
        surveys = merged(runner.surveys(tasks))
    return lexical_values(summary, surveys, settings)
