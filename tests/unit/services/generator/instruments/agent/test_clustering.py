"""A clustering is a partition, or it is none."""

from __future__ import annotations

import orjson
import pytest

from services.generator.instruments.agent.clustering import read_clustering, read_verdicts, to_verify
from services.generator.strategies.parse import Unparsable


def labels(*named: str) -> str:
    return orjson.dumps({str(number): name for number, name in enumerate(named, start=1)}).decode()


def test_texts_with_one_label_are_a_cluster() -> None:
    clusters = read_clustering(labels("Short tales", "letters", " short  Tales"), 3)
    assert [(cluster.name, cluster.members) for cluster in clusters] == [
        ("Short tales", [1, 3]),
        ("letters", [2]),
    ]
    assert to_verify(clusters) == [1]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (labels("a", "b"), "texts 3 "),
        (labels("a", " ", "b"), "texts 2 "),
        (labels("a", "b", "a", "b"), "texts 4 "),
        ('{"1": "a", "2": ["b"], "3": "c"}', "not a clustering"),
        ("Here you are: two groups.", "not JSON"),
        ("{}", "texts 1, 2, 3 "),
    ],
)
def test_anything_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(Unparsable, match=why):
        read_clustering(text, 3)


def test_a_missing_verdict_is_not_a_verdict() -> None:
    text = orjson.dumps({"1": {"reasoning": "Alike.", "valid": 1}}).decode()
    assert read_verdicts(text, [1])[1].valid == 1
    with pytest.raises(Unparsable, match=r"no verdict on clusters \[2\]"):
        read_verdicts(text, [1, 2])
    with pytest.raises(Unparsable, match="not verdicts"):
        read_verdicts(orjson.dumps({"1": {"reasoning": "Alike.", "valid": 2}}).decode(), [1])
