"""A rung's slot becomes a dataset."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from services.metrics.operations.propose import make_proposal
from shared.contracts.advice import ProposalRequest
from shared.contracts.base import ArtifactKind, JobRequest, Queue
from shared.contracts.trials import TriedMixture
from shared.errors import InvalidData
from tests.summaries import AnySummary
from tests.unit.services.metrics import phrases


class Evaluated(JobRequest):
    """Stands for an evaluation."""

    operation: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.EVALUATION
    queue: ClassVar[Queue] = Queue.TRAIN
    result: ClassVar[type[AnySummary]] = AnySummary

    loss: float
    of: str


def evaluate(request: Evaluated, workspace: Any) -> AnySummary:
    return AnySummary(loss=request.loss)


@pytest.fixture
def given(bench: Any) -> dict[str, Any]:
    def rows(name: str, count: int) -> str:
        return str(bench.dataset([{"text": f"{name} {number}"} for number in range(count)]))

    return {"real": rows("real", 20), "pools": {"D1": rows("one", 200), "D5": rows("five", 200)}, "size": 10}


def test_a_rung_is_tried_and_its_best_goes_on_at_full_size(bench: Any, given: dict[str, Any]) -> None:
    first = [bench.run(make_proposal, ProposalRequest(**given, slot=slot)) for slot in range(4)]
    assert all(made.summary["real"] == 10 for made in first)
    assert all(
        made.summary["generated"]
        == pytest.approx(10 * made.summary["rho"] / (1 - made.summary["rho"]), abs=1)
        for made in first
    )
    history = [
        TriedMixture(
            name=f"rung 0 (slot0={slot})",
            axes={"rung": 0, "slot0": slot},
            mixture=made.id,
            evaluation=bench.run(evaluate, Evaluated(loss=(3.0, 1.0, 2.0, 4.0)[slot], of=made.id)).id,
        )
        for slot, made in enumerate(first)
    ]
    best = bench.run(make_proposal, ProposalRequest(**given | {"size": 20}, slot=0, keep=1, history=history))
    assert (best.summary["pool"], best.summary["planned_rho"], best.summary["real"]) == (
        first[1].summary["pool"],
        first[1].summary["planned_rho"],
        20,
    )
    trials = best.json("trials.json")
    assert [trial["value"] for trial in trials] == [1.0, 2.0, 3.0, 4.0]
    assert [trial["outcome"] for trial in trials] == ["kept", "pruned", "pruned", "pruned"]
    small = {row["id"] for row in first[1].rows()}
    assert small <= {
        row["id"] for row in best.rows()
    }  # nested: what was tried is part of what is recommended


def test_losses_of_different_rungs_are_never_compared(bench: Any, given: dict[str, Any]) -> None:
    """A later rung trains longer: what an earlier one tried looks worse for no other reason."""
    first, second = (bench.run(make_proposal, ProposalRequest(**given, slot=slot)) for slot in range(2))
    history = [
        TriedMixture(
            name=made.id,
            axes={"rung": rung},
            mixture=made.id,
            evaluation=bench.run(evaluate, Evaluated(loss=loss, of=made.id)).id,
        )
        for made, rung, loss in ((first, 0, 0.1), (second, 1, 5.0))
    ]
    best = bench.run(make_proposal, ProposalRequest(**given, slot=0, keep=1, history=history))
    assert best.summary["planned_rho"] == second.summary["planned_rho"]
    assert best.summary["pool"] == second.summary["pool"]
    assert [trial["rung"] for trial in best.json("trials.json")] == [1, 0]


def test_every_trial_says_what_became_of_it(bench: Any, given: dict[str, Any]) -> None:
    """Also one that could not be evaluated, and one of an early rung that the next rung tried again."""
    points = [bench.run(make_proposal, ProposalRequest(**given, slot=slot)) for slot in range(3)]
    again = bench.run(make_proposal, ProposalRequest(**given | {"size": 15}, slot=0, keep=1, history=[
        TriedMixture(name=str(n), axes={"rung": 0}, mixture=made.id, evaluation=bench.run(
            evaluate, Evaluated(loss=float(n), of=made.id)).id)
        for n, made in enumerate(points)
    ]))  # fmt: skip
    history = [
        TriedMixture(name="a", axes={"rung": 0}, mixture=points[0].id,
                     evaluation=bench.run(evaluate, Evaluated(loss=0.0, of=points[0].id)).id),
        TriedMixture(name="b", axes={"rung": 0}, mixture=points[1].id,
                     evaluation=bench.run(evaluate, Evaluated(loss=1.0, of=points[1].id)).id),
        TriedMixture(name="c", axes={"rung": 0}, mixture=points[2].id),
        TriedMixture(name="d", axes={"rung": 1}, mixture=again.id,
                     evaluation=bench.run(evaluate, Evaluated(loss=7.0, of=again.id)).id),
    ]  # fmt: skip
    best = bench.run(make_proposal, ProposalRequest(**given, slot=0, keep=1, history=history))
    told = [(trial["rung"], trial["outcome"]) for trial in best.json("trials.json")]
    assert told == [(1, "kept"), (0, "kept"), (0, "pruned"), (0, "failed")]
    assert best.summary["trials"] == 3


def test_a_rung_in_which_nothing_was_evaluated_is_refused(bench: Any, given: dict[str, Any]) -> None:
    made = bench.run(make_proposal, ProposalRequest(**given, slot=0))
    history = [TriedMixture(name="a", mixture=made.id)]
    with pytest.raises(InvalidData, match=phrases.NONE_EVALUATED):
        bench.run(make_proposal, ProposalRequest(**given, slot=0, keep=1, history=history))
