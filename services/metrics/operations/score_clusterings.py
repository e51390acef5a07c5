"""The `score_clusterings` operation: the cluster-agent's score from the clusterings it made."""

from __future__ import annotations

from services.metrics.agent_score import Clustering, agent_score
from services.metrics.errors import translated
from services.metrics.measuring.values import measured
from shared.contracts.measurement import AgentScoreRequest, AgentScoreSummary, Measured
from shared.contracts.problems import FieldError
from shared.datasets import Row
from shared.errors import InputMissing, InvalidData
from shared.jobs.workspace import Workspace

CLUSTERINGS = "runs.jsonl"


def score_clusterings(request: AgentScoreRequest, workspace: Workspace) -> AgentScoreSummary:
    """`measurement.json` with D, its interval, and the raw means of C and S that it comes from."""
    artifact = workspace.input(request.runs)
    if not artifact.has(CLUSTERINGS):
        raise InputMissing(
            f"{request.runs} holds no {CLUSTERINGS}: name an artifact of a cluster-agent's runs",
            [FieldError(pointer="/runs", detail=f"has no part {CLUSTERINGS}")],
        )
    with translated():
        clusterings = []
        for number, row in enumerate(artifact.rows(CLUSTERINGS)):
            if number % 1000 == 0:
                workspace.progress(number, None, "clusterings")
            clusterings.append(_clustering(number, row))
        found = agent_score(clusterings, level=request.level, seed=request.seed)
    value = measured(
        "cluster_agent_score",
        found.score,
        {
            "equation": "D = mean of C/S (2410.15226), S the mean size of valid clusters, 0 without any",
            "samples": found.samples,
            "clusterings": found.clusterings,
            "mean_clusters": found.mean_clusters,
            "mean_samples_per_cluster": found.mean_samples_per_cluster,
            "invalid_clusters": found.invalid_clusters,
            "clusterings_without_valid": found.clusterings_without_valid,
        },
        found.interval,
        note=f"compare it with scores of {found.samples} samples per clustering only",
    )
    whole = Measured(rows=found.clusterings, values=[value])
    workspace.output.put_json("measurement.json", whole.model_dump(mode="json"))
    return AgentScoreSummary(rows=found.clusterings, cluster_agent_score=found.score, samples=found.samples)


def _clustering(number: int, row: Row) -> Clustering:
    """A run as the agent keeps it: the texts that were shown, clusters with their members, and verdicts on
    those that were verified; a cluster without a verdict (a singleton, or none were asked for) is valid."""
    try:
        invalid = {verdict["cluster"] for verdict in row["verdicts"] if not verdict["valid"]}
        sizes = tuple(len(cluster["members"]) for cluster in row["clusters"])
        return Clustering(len(row["texts"]), sizes, tuple(n + 1 not in invalid for n in range(len(sizes))))
    except (KeyError, TypeError) as error:
        fault = FieldError(
            pointer=f"/rows/{number}", detail="needs texts, clusters and verdicts", line=number + 1
        )
        raise InvalidData(f"line {number + 1} of {CLUSTERINGS} is no clustering", [fault]) from error
