"""Perplexities: token weights, trimmed means, gaps."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.trainer.evaluation.perplexity import corpus_loss, per_response, perplexity, perplexity_gap
from shared.contracts.training.results import RowLoss


def rows(perplexities: list[float], tokens: int = 4) -> list[RowLoss]:
    return [RowLoss(row=str(n), tokens=tokens, nll=tokens * math.log(p)) for n, p in enumerate(perplexities)]


def test_long_rows_weigh_more() -> None:
    assert corpus_loss([RowLoss(row="a", tokens=1, nll=5), RowLoss(row="b", tokens=9, nll=9)]) == 1.4


def test_one_bad_response_does_not_move_the_trimmed_mean() -> None:
    values = [float(n) for n in range(10, 21)]
    calm, wild = per_response(rows(values)), per_response(rows([*values, 787256.0]))
    assert calm.trimmed_mean == pytest.approx(15)
    assert wild.outliers == 1
    assert wild.trimmed_mean == pytest.approx(15)
    assert wild.raw_mean > 60_000


@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=40))
def test_it_is_the_textbook_s_fence(values: list[float]) -> None:
    found = per_response(rows(values))
    first, third = np.percentile(values, [25, 75])
    slack = 1e-9 * third
    low, high = first - 1.5 * (third - first) - slack, third + 1.5 * (third - first) + slack
    assert found.outliers <= sum(not low + 2 * slack <= v <= high - 2 * slack for v in values)
    assert found.outliers >= sum(not low <= v <= high for v in values)
    assert found.median == pytest.approx(np.median(values))
    assert min(values) * (1 - 1e-9) <= found.trimmed_mean <= max(values) * (1 + 1e-9)


def test_a_hopeless_response_stays_a_number() -> None:
    found = per_response([RowLoss(row="a", tokens=1, nll=1e6), *rows([2.0] * 8)])
    assert (found.outliers, found.trimmed_mean) == (1, pytest.approx(2))
    assert math.isfinite(found.raw_mean)
    assert perplexity(1e6) == sys.float_info.max


def test_the_gap_is_between_corpus_perplexities() -> None:
    assert perplexity_gap(rows([10.0, 10.0]), rows([4.0, 4.0])) == pytest.approx(6)
