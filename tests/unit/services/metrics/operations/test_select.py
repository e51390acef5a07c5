"""Row operations as jobs: what they write, and that no row and no context is lost or shared by mistake."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.metrics.operations.select import make_filtered, make_mixture, make_sample, make_split
from shared.contracts.datasets import DatasetKind
from shared.contracts.mixture import FilterRequest, MixtureRequest, RowCondition, SampleRequest, SplitRequest
from shared.errors import InvalidData, InvalidRequest
from shared.identity import artifact_id
from tests.unit.services.metrics import phrases

NOWHERE = "dataset-" + "0" * 32


def texts(count: int, word: str) -> list[dict[str, Any]]:
    return [
        {"id": str(n), "text": f"{word} " * (1 + n % 4), "origin": {"topic": f"t{n % 3}"}}
        for n in range(count)
    ]


def questions(*contexts: str) -> list[dict[str, Any]]:
    return [
        {"id": f"{name}{n}", "context_id": name, "question": f"{n}?", "answer": name}
        for name in contexts
        for n in range(3)
    ]


def test_two_rows_of_one_id_are_refused_and_not_made_one(bench: Any) -> None:
    twice = bench.dataset([*texts(3, "made"), {"id": "1", "text": "another"}])
    with pytest.raises(InvalidData, match=phrases.SAME_ID):
        bench.run(make_sample, SampleRequest(dataset=twice, size=2))


def test_a_mixture_says_what_it_holds_and_keeps_each_rows_origin(bench: Any) -> None:
    real, generated = bench.dataset(texts(20, "real")), bench.dataset(texts(30, "made"))
    request = MixtureRequest(real=real, generated=generated, rho=0.25)
    mixture = bench.run(make_mixture, request)
    assert mixture.summary == {
        "kind": "text",
        "rows": 20,
        "rho": 0.25,
        "unit": "rows",
        "real": 15,
        "generated": 5,
        "parts": [
            {"name": "real", "dataset": real, "amount": 15, "loss_weight": None},
            {"name": "generated", "dataset": generated, "amount": 5, "loss_weight": None},
        ],
    }
    rows = list(mixture.rows())
    assert sum(row["id"].startswith("generated/") for row in rows) == 5
    assert all(
        row["text"].startswith("made" if row["id"].startswith("generated/") else "real") for row in rows
    )
    assert mixture.manifest.inputs == {"real": real, "generated": generated}


def test_mixtures_by_tokens_and_strata(bench: Any) -> None:
    real, generated = bench.dataset(texts(40, "real")), bench.dataset(texts(40, "made"))
    request = MixtureRequest(
        real=real, generated=generated, rho=0.5, mode="additive", unit="tokens", stratify_by="origin.topic"
    )
    summary = bench.run(make_mixture, request).summary
    assert (summary["real"], summary["generated"]) == (100, 100)


def test_a_mixture_that_cannot_be_is_refused_with_its_field(bench: Any) -> None:
    real, generated = bench.dataset(texts(20, "real")), bench.dataset(texts(3, "made"))
    with pytest.raises(InvalidRequest, match=phrases.MAKE_17_MORE) as raised:
        bench.run(make_mixture, MixtureRequest(real=real, generated=generated, rho=1.0))
    assert raised.value.errors[0].pointer == "/size"


def test_kinds_do_not_mix(bench: Any) -> None:
    real = bench.dataset(texts(2, "real"))
    generated = bench.dataset([{"context": "c", "completion": "e"}], DatasetKind.COMPLETION)
    with pytest.raises(InvalidRequest, match=phrases.NOT_MIXED):
        bench.run(make_mixture, MixtureRequest(real=real, generated=generated, rho=0.5, size=1))


def test_a_qa_mixture_holds_the_contexts_its_rows_name(bench: Any) -> None:
    real = bench.dataset(questions("a", "b"), DatasetKind.QA, {"a": "A", "b": "B"})
    generated = bench.dataset(questions("a"), DatasetKind.QA, {"a": "A", "z": "Z"})
    mixture = bench.run(
        make_mixture, MixtureRequest(real=real, generated=generated, rho=0.2, mode="additive")
    )
    assert list(mixture.rows("contexts.jsonl")) == [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}]


def test_one_context_id_with_two_texts_is_refused(bench: Any) -> None:
    real = bench.dataset(questions("a"), DatasetKind.QA, {"a": "A"})
    generated = bench.dataset(questions("a"), DatasetKind.QA, {"a": "another"})
    with pytest.raises(InvalidData, match=phrases.TWO_TEXTS):
        bench.run(make_mixture, MixtureRequest(real=real, generated=generated, rho=0.5))


def test_a_sample_is_part_of_a_larger_one(bench: Any) -> None:
    dataset = bench.dataset(texts(30, "real"))
    small, large = (
        [row["id"] for row in bench.run(make_sample, SampleRequest(dataset=dataset, size=size)).rows()]
        for size in (7, 19)
    )
    assert len(small) == 7
    assert large[:7] == small


def test_splits_of_qa_share_no_context(bench: Any) -> None:
    names = [f"c{n}" for n in range(20)]
    dataset = bench.dataset(questions(*names), DatasetKind.QA, {n: n for n in names})
    seen: list[str] = []
    for part in ("train", "validation", "test"):
        made = bench.run(make_split, SplitRequest(dataset=dataset, take=part))
        contexts = {row["context_id"] for row in made.rows()}
        assert contexts == {row["id"] for row in made.rows("contexts.jsonl")}
        seen += contexts
    assert sorted(seen) == sorted(names)


def test_what_a_filter_rejects_is_kept_beside_with_its_reason(bench: Any) -> None:
    dataset = bench.dataset(texts(8, "word"))
    conditions = [
        RowCondition(field="tokens", comparison="at_least", value=3),
        RowCondition(field="origin.topic", comparison="not_in", value=["t0"]),
    ]
    made = bench.run(make_filtered, FilterRequest(dataset=dataset, conditions=conditions))
    assert made.summary == {"kind": "text", "rows": 2, "rejects": 6}
    assert [row["id"] for row in made.rows()] == ["2", "7"]
    rejects = list(made.rows("rejects.jsonl"))
    assert rejects[0]["row"]["text"] == "word "
    assert {reject["reason"] for reject in rejects} == {
        "not tokens at_least 3",
        "not origin.topic not_in ['t0']",
    }


def test_a_filter_that_keeps_nothing_is_refused(bench: Any) -> None:
    dataset = bench.dataset(texts(4, "word"))
    condition = RowCondition(field="tokens", comparison="at_least", value=99)
    with pytest.raises(InvalidData, match=phrases.NONE_KEPT):
        bench.run(make_filtered, FilterRequest(dataset=dataset, conditions=[condition]))


@pytest.mark.parametrize(
    ("request_class", "fields"),
    [
        (MixtureRequest, {"real": NOWHERE, "generated": NOWHERE, "rho": 1, "mode": "additive"}),
        (SplitRequest, {"dataset": NOWHERE, "take": "nowhere"}),
        (SplitRequest, {"dataset": NOWHERE, "shares": {"train": 0.5}}),
        (SampleRequest, {"dataset": NOWHERE, "size": 1, "fraction": 0.5}),
    ],
)
def test_requests_that_contradict_themselves_are_not_requests(request_class: Any, fields: Any) -> None:
    with pytest.raises(ValueError, match=r"share|room|either"):
        request_class(**fields)


def three_pools(bench: Any) -> list[str]:
    return [bench.dataset(texts(count, word)) for count, word in ((40, "real"), (30, "one"), (30, "two"))]


def parts(datasets: list[str], *weights: float, **more: Any) -> list[dict[str, Any]]:
    return [
        {"dataset": name, "weight": weight, **more} for name, weight in zip(datasets, weights, strict=True)
    ]


def test_a_mixture_of_three_says_what_each_came_to_and_where_each_row_is_from(bench: Any) -> None:
    pools = three_pools(bench)
    asked = parts(pools, 0.5, 0.3, 0.2)
    asked[0]["name"], asked[2]["name"] = "real", "two"
    mixture = bench.run(make_mixture, MixtureRequest.model_validate({"parts": asked, "size": 30}))
    told = {part["name"]: (part["dataset"], part["amount"]) for part in mixture.summary["parts"]}
    assert told == {"real": (pools[0], 15), "part2": (pools[1], 9), "two": (pools[2], 6)}
    assert (mixture.summary["real"], mixture.summary["generated"], mixture.summary["rho"]) == (15, 15, 0.5)
    words = {"real": "real", "part2": "one", "two": "two"}
    for row in mixture.rows():
        assert row["id"].startswith(row["mixture_part"] + "/")
        assert row["text"].startswith(words[row["mixture_part"]])
        assert row["origin"]["topic"]
        assert "weight" not in row
    assert mixture.manifest.inputs == {f"parts/{place}/dataset": pool for place, pool in enumerate(pools)}


def test_rows_of_a_part_that_states_it_have_their_weight_in_the_loss(bench: Any) -> None:
    real = bench.dataset([{**row, "weight": 0.5} for row in texts(10, "real")])
    made = bench.dataset(texts(10, "made"))
    asked = parts([real, made], 1, 1)
    asked[1]["loss_weight"] = 0.25
    mixture = bench.run(make_mixture, MixtureRequest.model_validate({"parts": asked}))
    weights = {row["mixture_part"]: row["weight"] for row in mixture.rows()}
    assert weights == {"part1": 0.5, "part2": 0.25}
    assert [part["loss_weight"] for part in mixture.summary["parts"]] == [1.0, 0.25]


@pytest.mark.parametrize("weight", ["much", True, 0, -1, [1]])
def test_a_weight_that_is_none_is_refused_with_its_row(bench: Any, weight: Any) -> None:
    real = bench.dataset([{"id": "7", "text": "a", "weight": weight}])
    asked = parts([real], 1, loss_weight=2.0)
    with pytest.raises(InvalidData) as raised:
        bench.run(make_mixture, MixtureRequest.model_validate({"parts": asked}))
    assert raised.value.errors[0].pointer == "/rows/part1/7"


def test_a_part_of_another_kind_is_refused_at_its_place(bench: Any) -> None:
    pools = [
        *three_pools(bench)[:2],
        bench.dataset([{"context": "c", "completion": "e"}], DatasetKind.COMPLETION),
    ]
    with pytest.raises(InvalidRequest, match=phrases.NOT_MIXED) as raised:
        bench.run(make_mixture, MixtureRequest.model_validate({"parts": parts(pools, 1, 1, 1)}))
    assert raised.value.errors[0].pointer == "/parts/2/dataset"


ONE, TWO = "dataset-" + "0" * 32, "dataset-" + "1" * 32


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"real": ONE, "generated": TWO},
        {"real": ONE, "generated": TWO, "rho": 0.5, "parts": parts([ONE], 1)},
        {"rho": 0.5, "parts": parts([ONE, TWO], 1, 1)},
        {"parts": []},
        {"parts": parts([ONE, TWO], 0, 0)},
        {"parts": parts([ONE, TWO], 0, 1), "mode": "additive"},
        {"parts": parts([ONE, ONE], 1, 1)},
        {"parts": parts([ONE, TWO], 1, 1, name="same")},
        {"parts": parts([ONE, TWO], 1, -1)},
        {"parts": parts([ONE, TWO], 1, 1, loss_weight=0)},
    ],
)
def test_what_is_no_mixture_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MixtureRequest.model_validate(body)


def test_the_short_form_is_the_request_that_it_was() -> None:
    """The identity that a release without parts gave it."""
    short = MixtureRequest(real=ONE, generated=TWO, rho=0.25)
    assert artifact_id(short) == "dataset-7d36f623d91039eeaf9fabeb2e655a9f"
    assert MixtureRequest.model_validate(short.canonical()) == short
    whole = MixtureRequest.model_validate({"parts": parts([ONE, TWO], 3, 1)})
    assert "rho" not in whole.canonical()
    assert MixtureRequest.model_validate(whole.canonical()) == whole
