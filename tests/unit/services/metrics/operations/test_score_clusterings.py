"""The cluster-agent's score as a job."""

from __future__ import annotations

from typing import Any

import pytest

from services.metrics.operations.score_clusterings import score_clusterings
from shared.contracts.datasets import DatasetKind, DatasetSummary, IngestRequest
from shared.contracts.measurement import AgentScoreRequest
from shared.errors import InputMissing, InvalidData


def runs(bench: Any, rows: list[dict[str, Any]]) -> str:
    """An artifact with raw clusterings, as the agent's job leaves them."""

    def write(request: Any, workspace: Any) -> DatasetSummary:
        workspace.output.put_rows("runs.jsonl", rows)
        return DatasetSummary(kind=DatasetKind.TEXT, rows=len(rows))

    file = bench.upload(repr(rows).encode())
    return str(bench.run(write, IngestRequest(kind=DatasetKind.TEXT, file=file)).id)


def run(samples: int, sizes: list[int], verdicts: dict[int, bool]) -> dict[str, Any]:
    return {
        "texts": list(range(samples)),
        "clusters": [{"name": "c", "members": list(range(size))} for size in sizes],
        "verdicts": [{"cluster": cluster, "valid": valid} for cluster, valid in verdicts.items()],
    }


def test_raw_clusterings_become_a_score_with_an_interval(bench: Any) -> None:
    rows = [
        run(10, [5, 4, 1], {2: False, 1: True}),
        run(10, [1] * 10, {}),
    ]
    made = bench.run(score_clusterings, AgentScoreRequest(runs=runs(bench, rows * 30)))
    assert made.summary == {"rows": 60, "cluster_agent_score": pytest.approx(16 / 3), "samples": 10}
    (value,) = made.json("measurement.json")["values"]
    assert value["interval"]["low"] < 16 / 3 < value["interval"]["high"]
    assert value["estimator"]["mean_clusters"] == 6


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "empty dataset"),
        ([{"texts": [1, 2], "clusters": [{"members": [1]}]}], "line 1 of runs.jsonl"),
        ([run(2, [5], {})], "cannot come from 2"),
    ],
)
def test_what_is_no_clustering_is_refused(bench: Any, rows: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(InvalidData, match=says):
        bench.run(score_clusterings, AgentScoreRequest(runs=runs(bench, rows)))


def test_an_artifact_of_another_kind_has_none(bench: Any) -> None:
    with pytest.raises(InputMissing, match=r"holds no runs\.jsonl"):
        bench.run(score_clusterings, AgentScoreRequest(runs=bench.dataset([{"text": "a"}])))
