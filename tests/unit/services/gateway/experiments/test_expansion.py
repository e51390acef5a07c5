# ruff: noqa: E501  (one mistake a line)
"""What a recipe becomes: which jobs there are, in which order, and what is refused where."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.experiments.errors import InvalidRecipe
from services.gateway.experiments.expansion import MAX_NODES, expand
from services.gateway.experiments.plan import ExperimentPlan
from shared.identity import artifact_id
from tests.unit.services.gateway.small_operations import CATALOGUE, REAL, Report, ladder, recipe

Document = dict[str, Any]


def plan_of(document: Document) -> ExperimentPlan:
    return expand(recipe(document), CATALOGUE)


def refused(document: Document) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRecipe) as raised:
        plan_of(document)
    return [(error.pointer, error.detail) for error in raised.value.errors]


def steps(plan: ExperimentPlan) -> dict[str, int]:
    counts: dict[str, int] = {}
    for node in plan.nodes.values():
        counts[node.step] = counts.get(node.step, 0) + 1
    return counts


def test_a_step_is_repeated_only_for_the_axes_it_depends_on() -> None:
    assert steps(plan_of(ladder(topics=(1, 5, 20), seeds=(1, 2)))) == {
        "pool": 1,
        "generated": 6,
        "measured": 6,
        "trained": 6,
        "tested": 6,
        "trained_real": 1,
        "tested_real": 1,
        "answer": 1,
    }


def test_ids_are_known_before_anything_runs() -> None:
    plan = plan_of(ladder())
    generated = plan.nodes["generated[topics=5, seed=2]"]
    assert generated.request.input_artifacts() == {"topics": plan.nodes["pool"].artifact, "examples": REAL}
    assert plan.nodes["trained[topics=5, seed=2]"].request.input_artifacts() == {
        "dataset": generated.artifact
    }
    assert all(artifact_id(node.request) == node.artifact for node in plan.nodes.values())


def test_a_report_gathers_every_run_with_its_axes() -> None:
    report = plan_of(ladder(topics=(1, 5), seeds=(7,))).report.request
    assert isinstance(report, Report)
    assert [(run.name, run.axes) for run in report.runs] == [
        ("real", {}),
        ("topics=1, seed=7", {"topics": 1, "seed": 7}),
        ("topics=5, seed=7", {"topics": 5, "seed": 7}),
    ]
    assert report.runs[0].dataset == REAL
    assert report.recipe == recipe(ladder(topics=(1, 5), seeds=(7,))).canonical()


def test_labels_name_values() -> None:
    document = ladder(topics={"D0": 1, "D1": 5}, seeds=(1,))
    document["steps"]["answer"]["request"]["runs"]["gather"][1]["name"] = {"label": "topics"}
    plan = plan_of(document)
    assert isinstance(plan.report.request, Report)
    assert [run.name for run in plan.report.request.runs] == ["real", "D0", "D1"]
    assert plan.report.request.runs[1].axes == {"topics": 1, "seed": 1}
    assert "trained[topics=D1, seed=1]" in plan.nodes


@pytest.mark.parametrize(
    ("axis", "names"),
    [
        ([1, 5], ["topics=1", "topics=5"]),
        ({"D0": 1, "D1": 5}, ["D0", "D1"]),
        (["few", "many"], ["few", "many"]),
        ([["q_proj", "v_proj"], ["all"]], ["topics=q_proj+v_proj", "topics=all"]),
    ],
    ids=["numbers", "labelled", "words", "lists"],
)
def test_a_run_that_is_named_by_a_label_says_what_it_is(axis: Any, names: list[str]) -> None:
    document = ladder(topics=axis, seeds=(1,))
    document["steps"]["generated"]["request"] |= {
        "topic_count": 1,
        "sources": [{"name": {"label": "topics"}}],
    }
    document["steps"]["answer"]["request"]["runs"]["gather"][1]["name"] = {"label": "topics"}
    report = plan_of(document).report.request
    assert isinstance(report, Report)
    assert [run.name for run in report.runs] == ["real", *names]
    labels = [name.removeprefix("topics=") for name in names]
    assert [run.axes["topics"] for run in report.runs[1:]] == (
        list(axis.values()) if isinstance(axis, dict) else labels if isinstance(axis[0], list) else axis
    )


def test_runs_of_one_name_are_told_apart_by_their_axes() -> None:
    document = ladder(topics=(1,), seeds=(1, 2))
    document["steps"]["answer"]["request"]["runs"]["gather"][1]["name"] = "generated"
    report = plan_of(document).report.request
    assert isinstance(report, Report)
    assert [run.name for run in report.runs] == [
        "real",
        "generated (seed=1)",
        "generated (seed=2)",
    ]


def test_the_same_work_is_one_job() -> None:
    document = ladder(seeds=(1,))
    document["steps"]["again"] = document["steps"]["trained_real"]
    document["steps"]["answer"]["request"]["runs"]["gather"][0]["model"] = {"step": "again"}
    plan = plan_of(document)
    assert steps(plan) == steps(plan_of(ladder(seeds=(1,))))
    only = plan.nodes[plan.keys["again"]]
    assert {only.key, *only.also} == {"again", "trained_real"}


def test_a_value_may_be_any_document_and_stand_anywhere() -> None:
    document = ladder(seeds=(1,))
    document["sweep"]["source"] = {"one": [{"name": "x"}], "two": [{"name": "x"}, {"name": "y"}]}
    document["steps"]["generated"]["request"]["sources"] = {"axis": "source"}
    report = plan_of(document).report.request
    assert isinstance(report, Report)
    assert len(report.runs) == 7
    assert report.runs[1].axes == {"topics": 1, "seed": 1, "source": "one"}


def test_a_literal_is_not_read_as_a_reference() -> None:
    document = ladder()
    document["steps"]["answer"]["request"]["recipe"] = {"literal": {"step": "nowhere"}}
    report = plan_of(document).report.request
    assert isinstance(report, Report)
    assert report.recipe == {"step": "nowhere"}


def test_what_is_on_the_longest_way_comes_first() -> None:
    plan = plan_of(ladder())
    height = {node.step: node.height for node in plan.nodes.values()}
    assert height == {
        "pool": 5,
        "generated": 4,
        "trained": 3,
        "measured": 2,
        "tested": 2,
        "trained_real": 3,
        "tested_real": 2,
        "answer": 1,
    }


def test_changing_one_value_changes_only_what_depends_on_it() -> None:
    before = {node.artifact for node in plan_of(ladder(topics=(1, 5, 20), seeds=(1, 2))).nodes.values()}
    after = plan_of(ladder(topics=(1, 5, 21), seeds=(1, 2))).nodes.values()
    assert {node.key for node in after if node.artifact not in before} == {
        *(f"{step}[topics=21, seed={seed}]" for step in ("generated", "measured", "trained", "tested") for seed in (1, 2)),
        "answer",
    }  # fmt: skip


def test_what_failed_is_left_out_of_what_is_gathered() -> None:
    plan = plan_of(ladder(topics=(1, 5), seeds=(1,)))
    made: dict[str, str | None] = {key: node.artifact for key, node in plan.nodes.items()}
    made |= dict.fromkeys((key for key in made if "topics=5" in key), None)
    made["tested[topics=1, seed=1]"] = None
    report = plan.bind(plan.report, made)
    assert isinstance(report, Report)
    assert [run.name for run in report.runs] == ["real", "topics=1, seed=1"]
    assert report.runs[1].evaluation is None
    assert report.runs[1].model == plan.nodes["trained[topics=1, seed=1]"].artifact


def test_nothing_is_bound_when_nothing_is_left() -> None:
    plan = plan_of(ladder(topics=(1,), seeds=(1,)))
    missing: dict[str, str | None] = dict.fromkeys(plan.nodes, None)
    assert plan.bind(plan.report, missing) is None


def test_a_circle_is_refused_where_it_begins() -> None:
    document = ladder()
    document["steps"]["pool"]["request"]["seed"] = {"step": "tested"}
    assert refused(document) == [
        (
            "/steps/pool/request/seed/step",
            "the steps refer to each other in a circle: pool → tested → trained → generated → pool",
        )
    ]


def test_a_step_that_refers_to_itself_is_a_circle() -> None:
    document = ladder()
    document["steps"]["trained"]["request"]["dataset"] = {"step": "trained"}
    assert refused(document)[0][0] == "/steps/trained/request/dataset/step"


def change(document: Document, *path: str | int, to: Any) -> Document:
    inner = document
    for step in path[:-1]:
        inner = inner[step]  # type: ignore[index]
    inner[path[-1]] = to  # type: ignore[index]
    return document


R = ("steps", "generated", "request")


@pytest.mark.parametrize(
    ("document", "pointer", "says"),
    [
        (change(ladder(), *R, "topics", to={"step": "poll"}), "/steps/generated/request/topics/step", "did you mean 'pool'"),
        (change(ladder(), *R, "examples", to={"input": "rael"}), "/steps/generated/request/examples/input", "did you mean 'real'"),
        (change(ladder(), *R, "topic_count", to={"axis": "topic"}), "/steps/generated/request/topic_count/axis", "did you mean 'topics'"),
        (change(ladder(), "steps", "trained", "operation", to="trian"), "/steps/trained/operation", "did you mean 'train'"),
        (change(ladder(), "steps", "trained", "operation", to="experiment"), "/steps/trained/operation", "no operation"),
        (change(ladder(), *R, "colour", to="red"), "/steps/generated/request/colour", "not permitted"),
        (change(ladder(), *R, "rows", to=-5), "/steps/generated/request/rows", "greater than or equal to 1"),
        (change(ladder(), *R, "sources", to=[{"name": "x"}, {"nam": "y"}]), "/steps/generated/request/sources/1/name", "required"),
        (change(ladder(), "sweep", "topics", to=[5, -1]), "/sweep/topics/1", "used at /steps/generated/request/topic_count"),
        (change(ladder(), "sweep", "topics", to={"few": 5, "none": 0}), "/sweep/topics/none", "greater than or equal to 1"),
        (change(ladder(), "sweep", "size", to=[1, 2]), "/sweep/size", "no step refers to this axis"),
        (change(ladder(), "inputs", "other", to=REAL), "/inputs/other", "no step refers to this input"),
        (change(ladder(), "report", to="anwser"), "/report", "did you mean 'answer'"),
        (change(ladder(), "report", to="trained_real"), "/report", "makes no report"),
        (change(ladder(), "steps", "answer", "request", "title", to={"label": "seed"}), "/report", "repeated over seed"),
        (change(ladder(), *R, "topics", to={"step": 5}), "/steps/generated/request/topics/step", "a name stands here"),
        (change(ladder(), "steps", "answer", "request", "recipe", to={"this": "page"}), "/steps/answer/request/recipe/this", "`recipe`"),
        (change(ladder(), "steps", "answer", "request", "runs", to={"gather": []}), "/steps/answer/request/runs/gather", "list of runs"),
        (
            change(ladder(), "steps", "answer", "request", "runs", "gather", 0, "colour", to="red"),
            "/steps/answer/request/runs/gather",
            "run 0/colour",
        ),
        (change(ladder(), "steps", "answer", "request", "runs", "gather", 0, to={"step": "pool"}), "/steps/answer/request/runs/gather/0", "a run is a mapping"),
    ],
)  # fmt: skip
def test_each_mistake_is_pointed_at(document: Document, pointer: str, says: str) -> None:
    found = refused(document)
    assert pointer in [where for where, _ in found], found
    assert any(says in detail for where, detail in found if where == pointer), found


def test_a_fault_of_every_repetition_is_told_once() -> None:
    assert len(refused(change(ladder(), *R, "rows", to=-5))) == 1


def test_all_mistakes_of_a_kind_are_told_at_once() -> None:
    document = change(ladder(), *R, "topics", to={"step": "poll"})
    document["steps"]["trained"]["operation"] = "trian"
    assert len(refused(document)) == 2


def test_axes_that_multiply_beyond_reason_are_refused_before_they_do() -> None:
    document = ladder()
    for number in range(6):
        document["sweep"][f"axis{number}"] = list(range(200))
    document["steps"]["generated"]["request"]["sources"] = [
        {"name": {"label": f"axis{number}"}} for number in range(6)
    ]
    [(pointer, detail)] = refused(document)
    assert pointer == "/sweep"
    assert str(MAX_NODES) in detail


@settings(max_examples=40, deadline=None)
@given(
    topics=st.lists(st.integers(1, 1000), min_size=1, max_size=5, unique=True),
    seeds=st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True),
)
def test_every_plan_is_in_an_order_that_can_be_run(topics: list[int], seeds: list[int]) -> None:
    plan = plan_of(ladder(tuple(topics), tuple(seeds)))
    assert len(plan.nodes) == 4 + 4 * len(topics) * len(seeds)
    seen: set[str] = set()
    for node in plan.nodes.values():
        assert node.needs | node.gathers <= seen
        assert all(plan.nodes[needed].height > node.height for needed in node.needs | node.gathers)
        seen.add(node.key)
    made: dict[str, str | None] = {key: node.artifact for key, node in plan.nodes.items()}
    assert all(plan.bind(node, made) == node.request for node in plan.nodes.values())
