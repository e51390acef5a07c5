"""Clusterings as a model writes them: one label for each text, read as a partition, and reduced by the
model's own verdicts.

C has the model write clusters with lists of members. A weak model forgets texts, names them twice or goes on
without end, also where its server holds it to a schema. A label for each text, by the text's number, is a
partition whatever the labels are: texts with the same label are a cluster, and the label is its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from pydantic.json_schema import JsonSchemaValue

from services.generator.strategies.bounded import schema_of, stated
from services.generator.strategies.json_answers import json_as
from services.generator.strategies.parse import Unparsable

LABEL = 60
"""Characters of a label."""


class Cluster(BaseModel):
    """Members are the texts' numbers, from 1."""

    name: str
    members: list[int]


class Labels(RootModel[dict[str, str]]):
    """Text number → label."""


class Verdict(BaseModel):
    model_config = ConfigDict(extra="ignore")
    reasoning: str = stated(200, "one sentence")
    valid: int = Field(ge=0, le=1)


class Verdicts(RootModel[dict[str, Verdict]]):
    """Cluster number → verdict."""


@cache
def labels_schema(texts: int) -> JsonSchemaValue:
    """The JSON schema of a clustering of so many texts."""
    label = {"type": "string", "minLength": 1, "maxLength": LABEL, "description": "its group"}
    return _numbered(range(1, texts + 1), label)


def verdicts_schema(asked: Sequence[int]) -> JsonSchemaValue:
    """The JSON schema of verdicts on these clusters."""
    return _numbered(asked, schema_of(Verdict))


def _numbered(numbers: Sequence[int], each: JsonSchemaValue) -> JsonSchemaValue:
    names = [str(number) for number in numbers]
    return {
        "type": "object",
        "properties": dict.fromkeys(names, each),
        "required": names,
        "additionalProperties": False,
    }


def read_clustering(text: str, texts: int) -> list[Cluster]:
    """The clusters, in the order of their first texts. Labels are the same whatever their case and blanks.
    Raises `Unparsable` unless every text has a label."""
    try:
        labels = json_as(Labels, text).root
    except ValidationError as error:
        raise Unparsable(f"not a clustering: {error.errors()[0]['msg']}") from error
    wanted = [str(number) for number in range(1, texts + 1)]
    wrong = [name for name in wanted if not labels.get(name, "").strip()] + sorted(labels.keys() - {*wanted})
    if wrong:
        raise Unparsable(f"texts {', '.join(wrong)} are unknown or have no label")
    clusters: dict[str, Cluster] = {}
    for number, name in enumerate(wanted, start=1):
        label = " ".join(labels[name].split())
        clusters.setdefault(label.casefold(), Cluster(name=label, members=[])).members.append(number)
    return list(clusters.values())


def to_verify(clusters: list[Cluster]) -> list[int]:
    """Numbers (from 1) of the clusters that need a verdict; singletons are always valid (C)."""
    return [number for number, cluster in enumerate(clusters, start=1) if len(cluster.members) > 1]


def read_verdicts(text: str, asked: Sequence[int]) -> dict[int, Verdict]:
    """A verdict for each cluster asked about. Raises `Unparsable` when one is missing."""
    try:
        verdicts = json_as(Verdicts, text).root
    except ValidationError as error:
        raise Unparsable(f"not verdicts: {error.errors()[0]['msg']}") from error
    missing = [number for number in asked if str(number) not in verdicts]
    if missing:
        raise Unparsable(f"no verdict on clusters {missing}")
    return {number: verdicts[str(number)] for number in asked}
