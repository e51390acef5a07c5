"""Pairs as structured output: what the schema asks for is what is read, and nothing else."""

from __future__ import annotations

import json

import jsonschema
import pytest
from pydantic import ValidationError

from services.generator.strategies.parse import Unparsable
from services.generator.strategies.structured_pairs import (
    NewQuestion,
    Pair,
    limited,
    structured_pair,
    structured_question,
)
from shared.contracts.generation.request import GenerationRequest

EXAMPLES = [
    {"question": "Who sold three geese to the tall man with the red hat at the market?", "answer": "The fox"},
    {"question": "Why?", "answer": "He was hungry"},
]


def test_strings_may_be_twice_as_long_as_the_longest_example() -> None:
    properties = limited(Pair, EXAMPLES)["properties"]
    assert properties["question"]["maxLength"] == 2 * len(EXAMPLES[0]["question"])
    assert properties["answer"]["maxLength"] == 80, "short examples leave room to say something"
    assert limited(NewQuestion, [])["properties"]["question"]["maxLength"] == 2000


def test_an_answer_after_the_schema_is_a_row() -> None:
    answer = {"question": "Who  is\nit?", "answer": " The fox. "}
    jsonschema.validate(answer, limited(Pair, EXAMPLES))
    row = structured_pair(json.dumps(answer), "c1")
    assert row == {"context_id": "c1", "question": "Who is it?", "answer": "The fox."}
    assert structured_question('{"question": "Who?"}') == "Who?"


@pytest.mark.parametrize(
    "text",
    ["Question: Who?", '{"question": "Who?"}', '{"question": " ", "answer": "x"}', '["Who?"]', "{}", ""],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Unparsable):
        structured_pair(text, "c1")


def test_only_pairs_are_structured() -> None:
    with pytest.raises(ValidationError, match="structured is for question-answer pairs"):
        GenerationRequest.model_validate(
            {
                "kind": "text",
                "topics": "topics-" + "0" * 32,
                "rows": 1,
                "sources": [{"name": "s"}],
                "structured": True,
            }
        )
