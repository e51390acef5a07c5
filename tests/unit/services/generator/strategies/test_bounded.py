"""Whatever schema a server is held to, an answer to it ends, and holds no word of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from services.generator.instruments.agent.clustering import labels_schema, verdicts_schema
from services.generator.instruments.agent.criteria import Gathered, Noticed, Sentence
from services.generator.instruments.judges.ratings import Rating
from services.generator.strategies.bounded import form_of, schema_of, sent
from services.generator.strategies.structured_pairs import NewQuestion, Pair, limited
from services.generator.strategies.styles import lesson_schema

SCHEMAS = {
    "criteria": schema_of(Noticed),
    "gathered": schema_of(Gathered),
    "criterion": schema_of(Sentence),
    "labels": labels_schema(10),
    "verdicts": verdicts_schema([2, 5]),
    "rating": schema_of(Rating),
    "lesson": lesson_schema(3, 5),
    "pair": limited(Pair, []),
    "question": limited(NewQuestion, []),
}


def parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield schema
    for field in schema.get("properties", {}).values():
        yield from parts(field)
    if "items" in schema:
        yield from parts(schema["items"])


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_part_has_its_limits_and_nothing_is_explained(name: str) -> None:
    for part in parts(sent(SCHEMAS[name])):
        assert not {"title", "description", "default", "$ref", "$defs"} & part.keys()
        if part["type"] == "string":
            assert "maxLength" in part or "enum" in part
        elif part["type"] == "array":
            assert part["maxItems"] >= part.get("minItems", 0)
        elif part["type"] == "integer":
            assert part["minimum"] <= part["maximum"]
        else:
            assert (part["required"], part["additionalProperties"]) == (list(part["properties"]), False)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_longest_answer_fits_what_its_call_may_write(name: str) -> None:
    """At three characters a token, which garbage has too."""

    def longest(schema: Mapping[str, Any]) -> int:
        if "properties" in schema:
            return sum(len(key) + 6 + longest(field) for key, field in schema["properties"].items())
        if "items" in schema:
            return int(schema["maxItems"]) * (2 + longest(schema["items"]))
        return 2 + int(schema.get("maxLength", 4))

    limits = {"rating": 512, "criteria": 2_048, "labels": 2_048, "verdicts": 2_048, "criterion": 2_048}
    if name in limits:
        assert longest(SCHEMAS[name]) / 3 < limits[name]


def test_what_a_model_is_shown_is_an_object_and_no_schema() -> None:
    assert form_of(schema_of(Rating)) == '{"reasoning": "<one or two sentences>", "score": <1 to 5>}'
    assert form_of(verdicts_schema([2])) == '{"2": {"reasoning": "<one sentence>", "valid": <0 or 1>}}'
    shown = form_of(lesson_schema(3, 5))
    assert '"options": ["<an option>", …]' in shown
    assert '"answer_label": <"A" or "B" or "C" or "D">' in shown


def test_what_has_no_limit_is_refused_when_it_is_written() -> None:
    class Endless(BaseModel):
        words: list[str]

    class Unlimited(BaseModel):
        number: int

    for model in (Endless, Unlimited):
        with pytest.raises(ValueError, match="without"):
            schema_of(model)


def test_an_answer_to_the_schema_is_one_that_is_read() -> None:
    answer = {"reasoning": "Clear.", "score": 4}
    jsonschema.validate(answer, sent(schema_of(Rating)))
    assert Rating.model_validate(answer).score == 4
    assert Rating.model_validate_json(json.dumps({**answer, "reasoning": "Clear. " * 200})).score == 4
