"""Chats are measured by whose turns are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from services.metrics.operations.text_sets import text_set
from shared.contracts.datasets import DatasetKind
from shared.contracts.measurement import MeasurementRequest

CHATS = [
    {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": f"Question {n}?"},
            {"role": "assistant", "content": f"Answer {n}."},
            {"role": "user", "content": "And?"},
            {"role": "assistant", "content": "Nothing."},
        ]
    }
    for n in range(2)
]


@pytest.mark.parametrize(
    ("turns", "first"),
    [
        ("assistant", "Answer 0.\nNothing."),
        ("user", "Question 0?\nAnd?"),
        ("whole", "Be kind.\nQuestion 0?\nAnswer 0.\nAnd?\nNothing."),
    ],
)
def test_the_turns_that_are_asked_for_are_the_text(bench: Any, turns: str, first: str) -> None:
    dataset = bench.dataset(CHATS, DatasetKind.CHAT)
    workspace = bench.workspace(MeasurementRequest(dataset=dataset))
    assert text_set(workspace, dataset, turns=turns).texts.to_pylist()[0] == first


def test_a_request_that_says_nothing_of_turns_is_the_artifact_that_it_was() -> None:
    request = {"dataset": f"dataset-{'0' * 32}"}
    plain = MeasurementRequest.model_validate(request)
    assert "turns" not in plain.canonical()
    assert MeasurementRequest.model_validate(request | {"turns": "user"}).canonical()["turns"] == "user"
