"""A clustering is a partition, or it is none."""

from __future__ import annotations

import orjson
import pytest

from services.generator.instruments.agent.clustering import read_clustering, read_verdicts, to_verify
from services.generator.strategies.parse import Unparsable


def clustering(*groups: list[int]) -> str:
    return orjson.dumps({"clusters": [{"name": "g", "members": group} for group in groups]}).decode()


def test_a_partition_is_read() -> None:
    clusters = read_clustering(clustering([1, 3], [2]), 3)
    assert [cluster.members for cluster in clusters] == [[1, 3], [2]]
    assert to_verify(clusters) == [1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (clustering([1, 2]), r"texts \[3\]"),
        (clustering([1, 2], [2, 3]), r"texts \[2\]"),
        (clustering([1, 2, 3], [4]), r"texts \[4\]"),
        (clustering([1, 2, 3], []), "not a clustering"),
        ("Here you are: two groups.", "not JSON"),
        ('{"clusters": []}', "not a clustering"),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(Unparsable, match=why):
        read_clustering(text, 3)


def test_a_missing_verdict_is_not_a_verdict() -> None:
    text = orjson.dumps({"verdicts": [{"cluster": 1, "valid": 1}]}).decode()
    assert read_verdicts(text, [1])[1].valid == 1
    with pytest.raises(Unparsable, match=r"no verdict on clusters \[2\]"):
        read_verdicts(text, [1, 2])
    with pytest.raises(Unparsable, match="not verdicts"):
        read_verdicts(orjson.dumps({"verdicts": [{"cluster": 1, "valid": 2}]}).decode(), [1])
