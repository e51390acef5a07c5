"""The cluster-agent's score as a job."""

from __future__ import annotations

from typing import Any

import pytest

from services.metrics.jobs.score_clusterings import score_clusterings
from shared.contracts.datasets import DatasetKind, IngestRequest
from shared.contracts.measurement import AgentScoreRequest
from shared.errors import InputMissing, InvalidData


def runs(bench: Any, rows: list[dict[str, Any]]) -> str:
    """An artifact with raw clusterings, as the agent's job leaves them."""

    def write(request: Any, workspace: Any) -> dict[str, Any]:
        workspace.output.put_rows("clusterings.jsonl", rows)
        return {}

    file = bench.upload(repr(rows).encode())
    return str(bench.run(write, IngestRequest(kind=DatasetKind.TEXT, file=file)).id)


def test_raw_clusterings_become_a_score_with_an_interval(bench: Any) -> None:
    rows = [
        {"samples": 10, "sizes": [5, 5], "valid": [True, True]},
        {"samples": 10, "sizes": [1] * 10, "valid": [True] * 10},
    ]
    made = bench.run(score_clusterings, AgentScoreRequest(runs=runs(bench, rows * 30)))
    assert made.summary == {"rows": 60, "cluster_agent_score": pytest.approx(5.2), "samples": 10}
    (value,) = made.json("measurement.json")["values"]
    assert value["interval"]["low"] < 5.2 < value["interval"]["high"]
    assert value["estimator"]["mean_clusters"] == 6


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "empty dataset"),
        ([{"samples": 10, "sizes": [5]}], "line 1 of clusterings.jsonl"),
        ([{"samples": 2, "sizes": [5], "valid": [True]}], "cannot come from 2"),
    ],
)
def test_what_is_no_clustering_is_refused(bench: Any, rows: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(InvalidData, match=says):
        bench.run(score_clusterings, AgentScoreRequest(runs=runs(bench, rows)))


def test_an_artifact_of_another_kind_has_none(bench: Any) -> None:
    with pytest.raises(InputMissing, match=r"holds no clusterings\.jsonl"):
        bench.run(score_clusterings, AgentScoreRequest(runs=bench.dataset([{"text": "a"}])))
