"""The cluster-agent's score from raw clusterings, as the paper defines it where it does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.agent_score import Clustering, agent_score
from services.metrics.problems import Unmeasurable
from tests.unit.services.metrics.refusals import refused


def clustering(*sizes: int, samples: int = 10, invalid: tuple[int, ...] = ()) -> Clustering:
    return Clustering(samples, sizes, tuple(place not in invalid for place in range(len(sizes))))


@pytest.mark.parametrize(
    ("clusters", "score"),
    [
        (clustering(10), 0.1),  # all alike: one cluster of ten
        (clustering(*[1] * 10), 10.0),  # all different: ten clusters of one
        (clustering(5, 5), 0.4),
        (clustering(2, 8), 0.4),  # S is the mean size, so how uneven the clusters are does not matter
        (clustering(2, 3, 5, invalid=(2,)), 2 / 2.5),
        (clustering(4, 6, invalid=(0, 1)), 0.0),
    ],
)
def test_the_score_of_one_clustering(clusters: Clustering, score: float) -> None:
    assert clusters.score == pytest.approx(score)
    found = agent_score([clusters])
    assert found.score == pytest.approx(score)
    assert found.interval is None


@st.composite
def clusterings(draw: st.DrawFn) -> Clustering:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    valid = draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes)))
    return Clustering(20, tuple(sizes), tuple(valid))


@given(st.lists(clusterings(), min_size=2, max_size=30))
def test_the_score_is_the_mean_and_lies_in_its_interval(found: list[Clustering]) -> None:
    score = agent_score(found)
    assert score.score == pytest.approx(np.mean([c.score for c in found]))
    assert score.interval is not None
    assert score.interval.low - 1e-9 <= score.score <= score.interval.high + 1e-9
    assert score.invalid_clusters == sum(not v for c in found for v in c.valid)
    assert 0 <= score.score <= 20


def test_raw_means_stay_beside_the_score() -> None:
    score = agent_score(
        [clustering(5, 5), clustering(3, 7, invalid=(0, 1)), clustering(1, 2, 7, invalid=(2,))]
    )
    assert (score.mean_clusters, score.mean_samples_per_cluster) == (
        pytest.approx(4 / 3),
        pytest.approx(3.25),
    )
    assert (score.invalid_clusters, score.clusterings_without_valid) == (3, 1)


def test_clusterings_of_different_k_are_not_averaged() -> None:
    with refused("mixed_samples"):
        agent_score([clustering(5, 5), clustering(5, samples=5)])


@pytest.mark.parametrize(
    "fields", [(10, (5, 6), (True, True)), (10, (0, 5), (True, True)), (10, (5,), (True, True))]
)
def test_impossible_clusterings_are_refused(fields: tuple[int, tuple[int, ...], tuple[bool, ...]]) -> None:
    with pytest.raises(Unmeasurable):
        Clustering(*fields)


def test_no_clusterings_have_no_score() -> None:
    with refused("empty_dataset"):
        agent_score([])
