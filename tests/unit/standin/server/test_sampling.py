"""Row-wise sampling: the right distribution, and nothing of one row in another."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from standin.server.sampling import RowSampler
from standin.server.sequence import Sampling, Sequence


def row(temperature: float = 1.0, top_p: float = 1.0, seed: int = 0, logprobs: int | None = None) -> Sequence:
    return Sequence([0], Sampling(10, temperature, top_p, seed, logprobs=logprobs))


def draw(rows: list[Sequence], logits: torch.Tensor, steps: int) -> torch.Tensor:
    """Tokens [steps, rows] drawn from the same logits again and again."""
    sampler = RowSampler(rows)
    return torch.stack([sampler.pick(logits) for _ in range(steps)])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.8])
def test_tokens_follow_the_tempered_softmax(temperature: float) -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    counts = torch.bincount(draw([row(temperature)], logits, 6000)[:, 0], minlength=4)
    expected = torch.softmax(logits[0] / temperature, dim=-1) * 6000
    assert chisquare(counts.numpy(), expected.numpy(), sum_check=False).pvalue > 1e-4


def test_temperature_zero_is_the_argmax() -> None:
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    drawn = draw([row(0.0, seed=seed) for seed in range(3)], logits, 5)
    assert (drawn == logits.argmax(dim=-1)).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), top_p=st.floats(0.01, 0.99))
def test_the_nucleus_is_the_smallest_set_that_reaches_p(seed: int, top_p: float) -> None:
    logits = torch.randn(1, 8, generator=torch.Generator().manual_seed(seed)) * 2
    masses, order = torch.softmax(logits[0], dim=-1).sort(descending=True)
    size = int((masses.cumsum(dim=-1) < top_p).sum()) + 1
    drawn = set(draw([row(temperature=1.0, top_p=top_p, seed=seed)], logits, 300)[:, 0].tolist())
    assert drawn <= set(order[:size].tolist())
    likely = [int(token) for token, mass in zip(order[:size], masses[:size], strict=True) if mass > 0.05]
    assert drawn >= set(likely)


def test_fewer_rows_go_on_where_they_were() -> None:
    logits = torch.randn(3, 200, generator=torch.Generator().manual_seed(0))
    sampler = RowSampler([row(seed=seed) for seed in range(3)])
    whole = draw([row(seed=2)], logits[2:], 10)[:, 0].tolist()
    first = [int(sampler.pick(logits)[2]) for _ in range(5)]
    fewer = sampler.of_rows([0, 2])
    assert first + [int(fewer.pick(logits[[0, 2]])[1]) for _ in range(5)] == whole


def test_a_row_is_the_same_alone_and_in_a_crowd() -> None:
    logits = torch.randn(4, 200, generator=torch.Generator().manual_seed(0))
    settings = [(1.0, 1.0, 5), (0.7, 0.9, 6), (0.0, 1.0, 7), (1.5, 0.5, 8)]
    together = draw([row(*s) for s in settings], logits, 20)
    alone = [draw([row(*s)], logits[i : i + 1], 20) for i, s in enumerate(settings)]
    assert torch.equal(together, torch.cat(alone, dim=1))


def test_a_finished_row_takes_nothing_from_the_others() -> None:
    logits = torch.randn(2, 200, generator=torch.Generator().manual_seed(0))
    done, going = row(seed=1), row(seed=2)
    done.abort()
    assert torch.equal(draw([done, going], logits, 10)[:, 1], draw([row(seed=2)], logits[1:], 10)[:, 0])


def test_logprobs_are_of_the_raw_distribution() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.5, -2.0]])
    sequence = row(temperature=0.3, top_p=0.5, logprobs=2)
    chosen = int(RowSampler([sequence]).pick(logits))
    [entry] = sequence.logprobs
    exact = torch.log_softmax(logits[0], dim=-1)
    assert entry.token_id == chosen
    assert math.isclose(entry.logprob, float(exact[chosen]), rel_tol=1e-5)
    assert [token for token, _ in entry.top] == [0, 1]
    assert [value for _, value in entry.top] == pytest.approx(exact[:2].tolist(), rel=1e-5)
