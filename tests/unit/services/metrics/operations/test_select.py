"""Row operations as jobs: what they write, and that no row and no context is lost or shared by mistake."""

from __future__ import annotations

from typing import Any

import pytest

from services.metrics.operations.select import make_filtered, make_mixture, make_sample, make_split
from shared.contracts.datasets import DatasetKind
from shared.contracts.mixture import FilterRequest, MixtureRequest, RowCondition, SampleRequest, SplitRequest
from shared.errors import InvalidData, InvalidRequest
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
