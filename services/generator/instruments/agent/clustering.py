"""Clusterings as a model writes them: read, checked to be partitions, and reduced by the model's own
verdicts."""

from __future__ import annotations

from collections import Counter
from functools import cache

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import JsonSchemaValue

from services.generator.strategies.json_answers import json_as
from services.generator.strategies.parse import Unparsable


class Cluster(BaseModel):
    """Members are the texts' numbers, from 1."""

    model_config = ConfigDict(extra="ignore")
    name: str
    reasoning: str = ""
    members: list[int] = Field(min_length=1)


class ClusteringAnswer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    clusters: list[Cluster] = Field(min_length=1)


class Verdict(BaseModel):
    model_config = ConfigDict(extra="ignore")
    cluster: int
    reasoning: str = ""
    valid: int = Field(ge=0, le=1)


class Verdicts(BaseModel):
    model_config = ConfigDict(extra="ignore")
    verdicts: list[Verdict]


@cache
def clustering_schema(texts: int) -> JsonSchemaValue:
    """The JSON schema of a clustering of so many texts."""
    schema = ClusteringAnswer.model_json_schema()
    member = schema["$defs"]["Cluster"]["properties"]["members"]["items"]
    member |= {"minimum": 1, "maximum": texts}
    schema["properties"]["clusters"]["maxItems"] = texts
    return schema


def read_clustering(text: str, texts: int) -> list[Cluster]:
    """The clusters. Raises `Unparsable` unless every text is in exactly one."""
    try:
        clusters = json_as(ClusteringAnswer, text).clusters
    except ValidationError as error:
        raise Unparsable(f"not a clustering: {error.errors()[0]['msg']}") from error
    members = Counter(member for cluster in clusters for member in cluster.members)
    wrong = sorted(set(members) ^ set(range(1, texts + 1))) + [m for m, times in members.items() if times > 1]
    if wrong:
        raise Unparsable(f"texts {sorted(set(wrong))} are missing, unknown or in more than one cluster")
    return clusters


def to_verify(clusters: list[Cluster]) -> list[int]:
    """Numbers (from 1) of the clusters that need a verdict; singletons are always valid (C)."""
    return [number for number, cluster in enumerate(clusters, start=1) if len(cluster.members) > 1]


def read_verdicts(text: str, asked: list[int]) -> dict[int, Verdict]:
    """A verdict for each cluster asked about. Raises `Unparsable` when one is missing."""
    try:
        verdicts = {verdict.cluster: verdict for verdict in json_as(Verdicts, text).verdicts}
    except ValidationError as error:
        raise Unparsable(f"not verdicts: {error.errors()[0]['msg']}") from error
    missing = [number for number in asked if number not in verdicts]
    if missing:
        raise Unparsable(f"no verdict on clusters {missing}")
    return {number: verdicts[number] for number in asked}
