"""Nothing is made of rows that are not those that were written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from services.metrics.operations.measure import Measuring
from services.metrics.operations.select import make_sample
from services.metrics.operations.text_sets import embedders
from shared.artifacts import Artifact
from shared.contracts.base import JobRequest
from shared.contracts.measurement import MeasurementRequest
from shared.contracts.mixture import SampleRequest
from shared.damage import DamagedArtifact

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "40 of 100 rows cut away": lambda data: b"".join(data.splitlines(keepends=True)[:60]),
    "every text replaced": lambda data: data.replace(b"real", b"fake"),
    "cut in a row": lambda data: data[:777],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("what", ["sample", "measure"])
def test_damaged_rows_are_refused_by_name(bench: Any, what: str, damage: Callable[[bytes], bytes]) -> None:
    dataset = bench.dataset([{"text": f"a real row number {number}"} for number in range(100)])
    key = Artifact.open(bench.store, dataset).key("rows.jsonl")
    bench.store.put(key, damage(bench.store.get(key)))
    request: JobRequest = SampleRequest(dataset=dataset, size=30, seed=1)
    handler: Callable[..., Any] = make_sample
    if what == "measure":
        request = MeasurementRequest(dataset=dataset, metrics=["lengths"])
        handler = Measuring(embedders({})).measure
    with pytest.raises(DamagedArtifact) as refused:
        bench.run(handler, request)
    assert dataset in refused.value.detail
    assert "rows.jsonl" in refused.value.detail
