"""Intervals of Self-BLEU, self-repetition and compression, against the spread of fresh samples of texts."""

from __future__ import annotations

import numpy as np
import pytest

from services.metrics.lexical import Tokens
from services.metrics.lexical.measures.self_bleu import self_bleu
from services.metrics.measuring.measure import measure
from services.metrics.measuring.subject import MOST_SAMPLED_BYTES, Embedded, Subject, TextSet
from shared.contracts.measurement import MeasuredValue, MeasureOptions, Metric

METRICS = [Metric.SELF_BLEU, Metric.SELF_REPETITION, Metric.COMPRESSION_RATIO]
NAMES = ("self_bleu", "self_repetition", "self_repetition_package", "compression_ratio")


def texts(count: int, seed: int) -> list[str]:
    """Texts on 30 topics, each with its few words and words of all: what real sets of texts are like."""
    random = np.random.default_rng(seed)
    made = []
    for topic in random.integers(0, 30, count):
        own = np.random.default_rng(1000 + topic).integers(0, 200, 6)
        words = [
            f"w{own[random.integers(6)]}" if random.random() < 0.8 else f"v{random.zipf(1.3) % 500}"
            for _ in range(random.integers(6, 20))
        ]
        made.append(" ".join(words))
    return made


def no_embedding(texts: TextSet) -> Embedded:
    raise AssertionError("lexical measures embed nothing")


def values(
    rows: list[str], most_sampled_bytes: int = MOST_SAMPLED_BYTES, **options: object
) -> dict[str, MeasuredValue]:
    asked = MeasureOptions.model_validate({"metrics": METRICS} | options)
    subject = Subject(TextSet.of(rows), asked, no_embedding, most_sampled_bytes=most_sampled_bytes)
    return {value.name: value for value in measure(subject).values}


@pytest.fixture(scope="module")
def samples() -> list[dict[str, MeasuredValue]]:
    return [values(texts(150, seed), seed=seed) for seed in range(40)]


@pytest.mark.parametrize("name", NAMES)
def test_intervals_hold_the_mean_of_samples_from_one_law(
    samples: list[dict[str, MeasuredValue]], name: str
) -> None:
    centre = np.mean([sample[name].value for sample in samples])
    spread = np.std([sample[name].value for sample in samples])
    intervals = [interval for sample in samples if (interval := sample[name].interval)]
    assert sum(interval.low <= centre <= interval.high for interval in intervals) >= 36
    # On the wide side where what recurs is rare: the jackknife's variance errs upwards.
    assert 0.8 < np.mean([interval.standard_error for interval in intervals]) / spread < 1.8
    assert {interval.method for interval in intervals} == {"jackknife"}
    assert {interval.replicates for interval in intervals} == {20}
    assert [interval.seed for interval in intervals] == list(range(40))


def test_the_percentile_bootstrap_would_be_wrong_for_self_bleu() -> None:
    """A text that comes twice is wholly in the others: every resample is above the value."""
    rows, random = texts(150, 0), np.random.default_rng(0)
    resampled = [
        self_bleu(Tokens.of([rows[i] for i in random.integers(0, 150, 150)])).value for _ in range(20)
    ]
    assert min(resampled) > self_bleu(Tokens.of(rows)).value


def test_of_large_sets_a_sample_is_left_out_of() -> None:
    rows = texts(1200, 0)
    whole = values(rows)
    sampled = values(rows, most_sampled_bytes=sum(map(len, rows)) // 3)
    for name in NAMES:
        exact, found = whole[name], sampled[name]
        assert found.value == exact.value
        assert exact.interval is not None
        assert found.interval is not None
        assert exact.interval_note == ""
        assert "of 1200 rows, drawn at random" in found.interval_note
        # Of 20 groups an error is known to within a sixth; the rate √n is that of a mean.
        assert 0.4 < found.interval.standard_error / exact.interval.standard_error < 2.5


def test_sacrebleus_scale_is_a_hundred() -> None:
    found = values(["a b c d e f"] * 30 + texts(3, 1), self_bleu="sacrebleu")["self_bleu"]
    assert found.interval is not None
    assert 1 < found.interval.low <= found.value <= found.interval.high <= 100


@pytest.mark.parametrize("rows", [["a b c d e"] * 40, [""] * 40])
def test_texts_that_are_all_equal_have_intervals_of_almost_no_width(rows: list[str]) -> None:
    for name, value in values(rows).items():
        assert value.value is not None
        assert value.interval is not None
        if name != "compression_ratio":  # a stream's fixed costs weigh less with every copy
            assert value.interval.high - value.interval.low == pytest.approx(0, abs=1e-9)
            assert value.interval_note.startswith("it is the same whichever texts are left out")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_texts_have_no_interval_and_the_reason(count: int) -> None:
    for value in values(["a b c d e f", "a b c d e", "g h"][:count]).values():
        assert value.interval is None
        assert value.value is None or f"there are {count}" in value.interval_note


def test_fewer_texts_than_groups_are_left_out_one_by_one() -> None:
    found = values(texts(7, 0))["self_bleu"].interval
    assert found is not None
    assert found.replicates == 7
