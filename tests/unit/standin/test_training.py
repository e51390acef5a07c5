"""Pre-training: what is learned, how documents are batched, and that a stop costs nothing but time."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from standin.tokenization import train_tokenizer
from standin.training import IGNORED, Example, Schedule, batches, encode, held_out_loss, mean_loss, pretrain

EXAMPLES = [Example([i % 30, *range(i % 17), 1], [IGNORED, *range(i % 17), 1]) for i in range(1500)]


def tiny_model(seed: int = 0) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(
        LlamaConfig(vocab_size=64, max_position_embeddings=64, tie_word_embeddings=True, **sizes)
    )


def test_only_marked_segments_are_learned() -> None:
    tokenizer = train_tokenizer(["abc"], vocabulary=300, context=8)
    example = encode((("ab", False), ("c", True)), tokenizer, context=8)
    assert example is not None
    assert len(example.ids) == len(example.labels)
    learned = [label for label in example.labels if label != IGNORED]
    assert tokenizer.decode(learned) == "c<|endoftext|>"


def test_what_does_not_fit_the_context_is_left_out() -> None:
    tokenizer = train_tokenizer(["q"], vocabulary=300, context=8)
    assert encode((("x" * 7, True),), tokenizer, context=8) is not None
    assert encode((("x" * 8, True),), tokenizer, context=8) is None


@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=300), tokens=st.integers(60, 500))
def test_batches_hold_every_example_once_within_the_budget(lengths: list[int], tokens: int) -> None:
    examples = [Example([0] * length, [index] * length) for index, length in enumerate(lengths)]
    made = batches(examples, tokens, seed=1)
    assert Counter(e.labels[0] for batch in made for e in batch) == Counter(range(len(examples)))
    assert all(len(batch) * max(len(e.ids) for e in batch) <= tokens for batch in made)
    assert made == batches(examples, tokens, seed=1)


def test_the_schedule_warms_up_and_comes_down() -> None:
    schedule = Schedule(steps=100, peak=1.0, warmup=10)
    rates = [schedule.rate(step) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == rates[9] == pytest.approx(1.0)
    assert all(later <= earlier for earlier, later in itertools.pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.05)


def test_padding_and_read_text_do_not_count() -> None:
    model = tiny_model()
    short, long = Example([3, 4, 5], [IGNORED, IGNORED, 5]), Example([3, 4, 5, 6, 7], [IGNORED] * 5)
    with torch.no_grad():
        assert mean_loss(model, [short]).item() == pytest.approx(
            mean_loss(model, [short, long]).item(), rel=1e-5
        )


def test_held_out_loss_is_token_weighted() -> None:
    model = tiny_model()
    examples = [Example([1, 2, 3], [IGNORED, 2, 3]), Example([4, 5], [IGNORED, 5])]
    with torch.no_grad():
        two, one = (mean_loss(model, [example]).item() for example in examples)
    assert held_out_loss(model, examples) == pytest.approx((2 * two + one) / 3, rel=1e-5)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    model = tiny_model()
    before = held_out_loss(model, EXAMPLES[:100])
    work = batches(EXAMPLES[:600], tokens=200, seed=0)
    figures = list(pretrain(model, work, Schedule(len(work)), tmp_path / "c.pt", seed=0))
    assert held_out_loss(model, EXAMPLES[:100]) < 0.95 * before
    assert [row["step"] for row in figures] == list(range(50, len(work) + 1, 50))


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    work = batches(EXAMPLES, tokens=60, seed=0)[:30]
    schedule = Schedule(len(work))
    whole, stopped, resumed = tiny_model(), tiny_model(), tiny_model(seed=99)
    list(pretrain(whole, work, schedule, tmp_path / "whole.pt", seed=0, every=5))
    run = pretrain(stopped, work, schedule, tmp_path / "stopped.pt", seed=0, every=5)
    list(itertools.takewhile(lambda row: row["step"] < 25, run))  # past the checkpoint at 20
    list(pretrain(resumed, work, schedule, tmp_path / "stopped.pt", seed=0, every=5))
    for mine, theirs in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
