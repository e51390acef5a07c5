"""A dataset measured in shards has the values of one measured whole, to the last bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from services.metrics.lexical.runners.local import InProcess, LocalProcesses
from services.metrics.measuring.measure import measure
from services.metrics.measuring.subject import Embedded, Subject, TextSet
from services.metrics.operations.running import runners
from services.metrics.semantic.hashed_ngrams import HashedNgrams
from shared.contracts.measurement import MeasureOptions, Metric

EMBEDDER = HashedNgrams()


def embed(texts: TextSet) -> Embedded:
    vectors = EMBEDDER.embed([texts.text(row) for row in range(len(texts))])
    return Embedded(np.arange(len(texts)), vectors, EMBEDDER.description)


def texts(count: int, seed: int) -> TextSet:
    random = np.random.default_rng(seed)
    words = [f"w{number}" for number in range(60)] + ["w60."] * 8
    rows = [" ".join(random.choice(words, random.integers(0, 40))) for _ in range(count)]
    return TextSet.of(rows + rows[:3], [f"c{row % 7}" for row in range(count + 3)])


def values(whole: TextSet, reference: TextSet) -> dict[str, float | None]:
    options = MeasureOptions(metrics=sorted(set(Metric) - {Metric.DEFAULT}))
    found = measure(Subject(whole, options, embed, reference=reference, test=reference))
    return {value.name: value.value for value in found.values}


def test_shards_change_no_value() -> None:
    whole, reference = texts(120, 0), texts(90, 1)
    expected = values(whole, reference)
    assert expected["sentence_diversity_within"] is not None
    assert len(list(whole.shards())) == 1
    pieces = replace(whole, shard_bytes=500)
    assert len(list(pieces.shards())) > 5
    found = values(pieces, replace(reference, shard_bytes=500))
    differ = {name: (found[name], value) for name, value in expected.items() if found[name] != value}
    assert differ == {}


def test_shards_are_neighbours_and_hold_every_text() -> None:
    whole = TextSet(pa.chunked_array([["a" * 40, "b"], ["c"] * 5, []], pa.large_string()))
    shards = list(whole.shards())
    assert [text for _, shard in shards for text in shard.to_pylist()] == whole.texts.to_pylist()
    assert [start for start, _ in shards] == np.cumsum([0, *(len(shard) for _, shard in shards)])[
        :-1
    ].tolist()
    assert list(TextSet.of([]).shards()) == []


def test_above_a_number_of_tokens_there_are_values_and_no_intervals() -> None:
    options = MeasureOptions(metrics=[Metric.DISTINCT, Metric.NGRAM_DIVERSITY, Metric.EAD, Metric.ENTROPY])
    found = measure(Subject(TextSet.of(["a b c d e f"] * 50), options, embed, most_jackknifed=100))
    assert all(value.value is not None and value.interval is None for value in found.values)


def test_only_large_datasets_leave_this_process() -> None:
    small, large = (replace(TextSet.of(rows), shard_bytes=5000) for rows in (["a"], ["a" * 1000] * 10))
    assert isinstance(runners(2)(small), InProcess)
    assert isinstance(runners(2)(large), LocalProcesses)
    assert isinstance(runners(1)(large), InProcess)


def test_processes_give_the_same_values() -> None:
    whole = replace(texts(120, 0), shard_bytes=2000)
    options = MeasureOptions(
        metrics=[Metric.DISTINCT, Metric.SELF_BLEU, Metric.HEAPS, Metric.COMPRESSION_RATIO]
    )
    here, there = (
        measure(Subject(whole, options, embed, runner=runner)).values
        for runner in (InProcess, lambda: LocalProcesses(2))
    )
    assert here == there
