"""Question–answer pairs as structured output: the server keeps to a JSON schema, and nothing fails to parse.

For models too weak to keep to a form by themselves. Strings may be at most `SLACK` times as long as the
longest of the examples: a weak model would not close them otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.json_schema import JsonSchemaValue

from services.generator.strategies.bounded import schema_of, stated
from services.generator.strategies.common import Example
from services.generator.strategies.json_answers import json_as
from services.generator.strategies.parse import Unparsable

M = TypeVar("M", bound=BaseModel)
SLACK = 2
SHORTEST_LIMIT = 80
WITHOUT_EXAMPLES = 2_000


class Pair(BaseModel):
    model_config = ConfigDict(extra="ignore")
    question: str = stated(WITHOUT_EXAMPLES, "the question")
    answer: str = stated(WITHOUT_EXAMPLES, "its answer")


class NewQuestion(BaseModel):
    model_config = ConfigDict(extra="ignore")
    question: str = stated(WITHOUT_EXAMPLES, "the new question")


def limited(model: type[BaseModel], examples: Sequence[Example]) -> JsonSchemaValue:
    """The model's JSON schema, its strings no longer than the examples' allow."""
    schema = schema_of(model)
    properties = {
        name: {**field, "maxLength": _limit(name, examples)} for name, field in schema["properties"].items()
    }
    return {**schema, "properties": properties}


def _limit(column: str, examples: Sequence[Example]) -> int:
    lengths = [len(example[column]) for example in examples if column in example]
    return max(SLACK * max(lengths), SHORTEST_LIMIT) if lengths else WITHOUT_EXAMPLES


def structured_pair(text: str, context_id: str) -> dict[str, str]:
    """A row of kind `qa`. Raises `Unparsable`."""
    pair = _read(Pair, text)
    return {"context_id": context_id, "question": _line(pair.question), "answer": _line(pair.answer)}


def structured_question(text: str) -> str:
    """A paraphrase. Raises `Unparsable`."""
    return _line(_read(NewQuestion, text).question)


def _read(model: type[M], text: str) -> M:
    try:
        return json_as(model, text)
    except ValidationError as error:
        first = error.errors()[0]
        raise Unparsable(f"{'/'.join(map(str, first['loc']))}: {first['msg']}") from error


def _line(text: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise Unparsable("a question or an answer is blank")
    return line
