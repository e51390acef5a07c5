"""A local Ray of two workers gives the same values, from lists and from a Ray Data dataset."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.metrics.lexical.runners.measure import measure_texts
from tests.unit.services.metrics.lexical.plain import figures

ray = pytest.importorskip("ray")
ROOT = Path(__file__).parents[6]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    environment = {"PYTHONPATH": str(ROOT), "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}
    # A busy machine may take longer to start a node than Ray waits by default.
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "240")
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=200_000_000,
        log_to_driver=False,
        runtime_env={"env_vars": environment},
    )
    yield
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_workers_give_the_same(cluster: None, prose: list[str]) -> None:
    from services.metrics.lexical.runners.on_ray import OnRay, column_shards

    prose = prose[:2000]
    expected = figures(measure_texts([prose]))
    third = len(prose) // 3
    shards = [prose[:third], prose[third : 2 * third], prose[2 * third :]]
    runner = OnRay()
    assert runner.workers == 2
    assert figures(measure_texts(shards, runner=runner)) == expected
    dataset = ray.data.from_items([{"text": text, "row": row} for row, text in enumerate(prose)])
    found = measure_texts(column_shards(dataset.sort("row"), "text"), runner=runner)
    assert figures(found) == expected


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_workers_setting_sends_large_datasets_there(cluster: None, prose: list[str]) -> None:
    """What GAMUT_RAY_ADDRESS does: a dataset of more than a shard is measured on the cluster, with one
    value."""
    from services.metrics.lexical.runners.local import InProcess
    from services.metrics.lexical.runners.on_ray import OnRay
    from services.metrics.measuring.measure import measure
    from services.metrics.measuring.subject import Embedded, Subject, TextSet
    from services.metrics.operations import running
    from shared.contracts.measurement import MeasureTextsRequest, Metric

    def embed(texts: TextSet) -> Embedded:
        raise AssertionError("nothing semantic was asked for")

    texts = TextSet.of(prose[:600])
    options = MeasureTextsRequest(
        texts=[], metrics=[Metric.DISTINCT, Metric.SELF_BLEU, Metric.SELF_REPETITION, Metric.HEAPS]
    )
    choose = running.runners(ray_address="auto")
    assert isinstance(choose(texts), InProcess)
    texts = replace(texts, shard_bytes=10_000)
    assert isinstance(choose(texts), OnRay)
    here = measure(Subject(texts, options, embed))
    there = measure(Subject(texts, options, embed, runner=lambda: choose(texts)))
    assert there.model_dump() == here.model_dump()
