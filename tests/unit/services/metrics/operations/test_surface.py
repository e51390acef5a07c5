"""A surface as a job: from evaluations of merged and of trained models to the mixture to take."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from services.metrics.operations.surface import make_surface
from shared.contracts.base import ArtifactKind, JobRequest, Queue
from shared.contracts.surface import SurfaceRequest
from shared.errors import InvalidData
from tests.summaries import AnySummary


class Lost(JobRequest):
    """Stands for an evaluation: it has a loss."""

    operation: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.EVALUATION
    queue: ClassVar[Queue] = Queue.TRAIN
    result: ClassVar[type[AnySummary]] = AnySummary

    of: str
    loss: float


def evaluation(bench: Any, of: str, loss: float) -> str:
    return str(bench.run(lambda request, _: AnySummary(loss=request.loss), Lost(of=of, loss=loss)).id)


def test_seeds_are_averaged_and_every_mixture_is_told(bench: Any) -> None:
    mixtures: list[dict[str, Any]] = []
    for place in range(6):
        mixtures.append({"name": f"m{place}", "merged": evaluation(bench, "merged", 4 + place / 10)})
        mixtures += [
            {
                "name": f"m{place} (seed={seed})",
                "label": f"m{place}",
                "trained": evaluation(bench, "trained", 3 + place / 10 + seed / 100),
            }
            for seed in (1, 2)
        ]
    mixtures.append({"name": "best", "merged": evaluation(bench, "merged", 3.5)})
    mixtures.append({"name": "gone", "trained": evaluation(bench, "trained", 1.0)})
    found = bench.run(make_surface, SurfaceRequest.model_validate({"mixtures": mixtures}))
    assert (found.summary["gate"], found.summary["chosen"]) == ("stands", "best")
    assert (found.summary["mixtures"], found.summary["trained"]) == (7, 6)
    assert found.summary["left_out"] == ["gone"]
    told = found.json("surface.json")["points"]
    assert [point["name"] for point in told] == ["best", *(f"m{place}" for place in range(6))]
    assert told[1]["trained"] == pytest.approx(3.015)


def test_a_figure_that_an_evaluation_lacks_is_refused_at_its_place(bench: Any) -> None:
    body = {"mixtures": [{"name": "m", "merged": evaluation(bench, "merged", 4)}], "figure": "f1"}
    with pytest.raises(InvalidData) as raised:
        bench.run(make_surface, SurfaceRequest.model_validate(body))
    assert raised.value.errors[0].pointer == "/mixtures/0/merged"


def test_a_surface_needs_something_merged() -> None:
    with pytest.raises(ValidationError):
        SurfaceRequest.model_validate({"mixtures": [{"name": "m", "trained": "evaluation-" + "0" * 32}]})
