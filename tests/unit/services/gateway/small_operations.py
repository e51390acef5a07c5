"""Operations that cost nothing, shaped like the real ones: what the gateway's tests run experiments on."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from services.gateway.catalogue import Catalogue
from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.experiment import ExperimentRequest
from tests.summaries import AnySummary

REAL = "dataset-" + "a" * 32
TEST = "dataset-" + "b" * 32


class _Small(JobRequest):
    version: ClassVar[int] = 1
    result: ClassVar[type[AnySummary]] = AnySummary


class Pool(_Small):
    operation: ClassVar[str] = "topics"
    produces: ClassVar[ArtifactKind] = ArtifactKind.TOPICS
    queue: ClassVar[Queue] = Queue.GENERATE

    count: int = Field(default=100, ge=1)
    seed: int = 0


class Source(Contract):
    name: str
    weight: float = 1.0


class Generate(_Small):
    operation: ClassVar[str] = "generate"
    produces: ClassVar[ArtifactKind] = ArtifactKind.DATASET
    queue: ClassVar[Queue] = Queue.GENERATE

    topics: ArtifactId
    topic_count: int = Field(ge=1)
    rows: int = Field(default=10, ge=1)
    examples: ArtifactId | None = None
    sources: list[Source] = []
    seed: int = 0

    def input_artifacts(self) -> dict[str, str]:
        return {"topics": self.topics} | ({"examples": self.examples} if self.examples else {})


class Measure(_Small):
    operation: ClassVar[str] = "measure"
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.MEASURE

    dataset: ArtifactId
    reference: ArtifactId | None = None

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset} | ({"reference": self.reference} if self.reference else {})


class Train(_Small):
    operation: ClassVar[str] = "train"
    produces: ClassVar[ArtifactKind] = ArtifactKind.MODEL
    queue: ClassVar[Queue] = Queue.TRAIN

    dataset: ArtifactId
    seed: int = 0

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset}


class Evaluate(_Small):
    operation: ClassVar[str] = "evaluate"
    produces: ClassVar[ArtifactKind] = ArtifactKind.EVALUATION
    queue: ClassVar[Queue] = Queue.TRAIN

    model: ArtifactId
    dataset: ArtifactId

    def input_artifacts(self) -> dict[str, str]:
        return {"model": self.model, "dataset": self.dataset}


class Run(Contract):
    name: str
    label: str | None = None
    stopped: str | None = None
    axes: dict[str, Any] = {}
    dataset: ArtifactId | None = None
    measurement: ArtifactId | None = None
    model: ArtifactId | None = None
    evaluation: ArtifactId | None = None


class Report(_Small):
    operation: ClassVar[str] = "report"
    produces: ClassVar[ArtifactKind] = ArtifactKind.REPORT
    queue: ClassVar[Queue] = Queue.MEASURE

    title: str = "report"
    matters: float | None = None
    runs: list[Run]
    recipe: dict[str, Any] | None = None

    def input_artifacts(self) -> dict[str, str]:
        roles = ("dataset", "measurement", "model", "evaluation")
        return {
            f"runs/{number}/{role}": artifact
            for number, run in enumerate(self.runs)
            for role in roles
            if (artifact := getattr(run, role))
        }


OPERATIONS: dict[str, type[JobRequest]] = {
    request.operation: request
    for request in (Pool, Generate, Measure, Train, Evaluate, Report, ExperimentRequest)
}


CATALOGUE = Catalogue(OPERATIONS)


def ladder(topics: Any = (1, 5, 20), seeds: Any = (1, 2)) -> dict[str, Any]:
    """The main job's recipe, in small."""
    return {
        "name": "ladder",
        "inputs": {"real": REAL, "test": TEST},
        "sweep": {
            "topics": list(topics) if isinstance(topics, tuple) else topics,
            "seed": list(seeds) if isinstance(seeds, tuple) else seeds,
        },
        "steps": {
            "pool": {"operation": "topics", "request": {"count": 100}},
            "generated": {
                "operation": "generate",
                "request": {
                    "topics": {"step": "pool"},
                    "topic_count": {"axis": "topics"},
                    "examples": {"input": "real"},
                    "seed": {"axis": "seed"},
                },
            },
            "measured": {
                "operation": "measure",
                "request": {"dataset": {"step": "generated"}, "reference": {"input": "real"}},
            },
            "trained": {"operation": "train", "request": {"dataset": {"step": "generated"}}},
            "tested": {
                "operation": "evaluate",
                "request": {"model": {"step": "trained"}, "dataset": {"input": "test"}},
            },
            "trained_real": {"operation": "train", "request": {"dataset": {"input": "real"}}},
            "tested_real": {
                "operation": "evaluate",
                "request": {"model": {"step": "trained_real"}, "dataset": {"input": "test"}},
            },
            "answer": {
                "operation": "report",
                "request": {
                    "recipe": {"this": "recipe"},
                    "runs": {
                        "gather": [
                            {
                                "name": "real",
                                "dataset": {"input": "real"},
                                "model": {"step": "trained_real"},
                                "evaluation": {"step": "tested_real"},
                            },
                            {
                                "dataset": {"step": "generated"},
                                "measurement": {"step": "measured"},
                                "model": {"step": "trained"},
                                "evaluation": {"step": "tested"},
                            },
                        ]
                    },
                },
            },
        },
        "report": "answer",
    }


def recipe(document: dict[str, Any]) -> ExperimentRequest:
    return ExperimentRequest.model_validate(document)
