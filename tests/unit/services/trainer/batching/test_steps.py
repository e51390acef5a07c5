"""The order of the rows: every row once an epoch, the same for the same seed, contexts kept together."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from services.trainer.batching.steps import computed_tokens, plan_steps, split, validation_steps
from services.trainer.data.examples import Example
from shared.contracts.training.settings import TrainingSettings


def rows(sizes: list[int]) -> list[Example]:
    return [Example(str(n), tuple(range(size)), (1,)) for n, size in enumerate(sizes)]


def pairs(counts: list[int], context: int = 10) -> list[Example]:
    return [
        Example(f"{group}:{pair}", (*range(context), pair), (1, 2), str(group), context)
        for group, count in enumerate(counts)
        for pair in range(count)
    ]


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 50), min_size=1, max_size=40),
    per_step=st.integers(1, 9),
    epochs=st.sampled_from([0.3, 1, 1.5, 3]),
    seed=st.integers(0, 3),
)
def test_every_row_once_an_epoch(sizes: list[int], per_step: int, epochs: float, seed: int) -> None:
    wanted = TrainingSettings(rows_per_step=per_step, epochs=epochs, micro_batch_tokens=64)
    plan = plan_steps(rows(sizes), wanted, seed)
    in_epoch = math.ceil(len(sizes) / per_step)
    whole = int(epochs)
    assert len(plan) == whole * in_epoch + math.ceil((epochs - whole) * in_epoch)
    for epoch in range(whole):
        order = [row for step in plan[epoch * in_epoch : (epoch + 1) * in_epoch] for row in step.rows]
        assert sorted(order) == list(range(len(sizes)))
    assert plan == plan_steps(rows(sizes), wanted, seed)


def test_epochs_and_seeds_have_their_own_order() -> None:
    wanted = TrainingSettings(rows_per_step=50, epochs=2)
    one, two = (step.rows for step in plan_steps(rows([5] * 50), wanted, 0))
    other, _ = (step.rows for step in plan_steps(rows([5] * 50), wanted, 1))
    assert len({one, two, other}) == 3


@settings(max_examples=50, deadline=None)
@given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=8), per_step=st.integers(1, 10))
def test_a_context_meets_as_few_steps_as_it_can(counts: list[int], per_step: int) -> None:
    examples = pairs(counts)
    wanted = TrainingSettings(batching="shared_prefix", rows_per_step=per_step, epochs=1)
    plan = plan_steps(examples, wanted, 0)
    assert sorted(row for step in plan for row in step.rows) == list(range(len(examples)))
    assert all(len(step.rows) <= per_step for step in plan)
    for group, count in enumerate(counts):
        met = [step for step in plan if any(examples[row].group == str(group) for row in step.rows)]
        assert len(met) == math.ceil(count / per_step)
    for step in plan:
        groups = [examples[row].group for row in step.rows]
        assert len(set(groups)) == 1 + sum(a != b for a, b in pairwise(groups))


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=30), budget=st.integers(16, 200))
def test_a_pass_stays_within_its_tokens(sizes: list[int], budget: int) -> None:
    examples = rows(sizes)
    for batching in ("padded", "packed"):
        passes = list(split(range(len(sizes)), examples, batching, budget))
        assert [index for one in passes for index in one] == list(range(len(sizes)))
        for one in passes:
            assert len(one) == 1 or computed_tokens([examples[i] for i in one], batching) <= budget


def test_computed_tokens_are_those_of_the_layout() -> None:
    examples = pairs([3, 2])
    assert computed_tokens(examples, "padded") == 5 * 13
    assert computed_tokens(examples, "packed") == 5 * 13
    assert computed_tokens(examples, "shared_prefix") == 2 * 10 + 5 * 3


@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(1, 12), min_size=1, max_size=8), epochs=st.sampled_from([1, 1.5, 3]))
def test_an_epoch_ends_where_every_row_was_seen(counts: list[int], epochs: float) -> None:
    """Of contexts too, whose epochs differ in their number of steps."""
    examples = pairs(counts)
    plan = plan_steps(examples, TrainingSettings(batching="shared_prefix", rows_per_step=5, epochs=epochs), 0)
    checks = validation_steps(plan, None)
    for number in range(1, int(epochs) + 1):
        end = max(place for place, step in enumerate(plan, 1) if step.epoch == number - 1)
        assert end in checks
        assert sum(len(step.rows) for step in plan[:end]) == number * len(examples)
    assert len(checks) == math.ceil(epochs)
    assert validation_steps(plan, 2) == {*range(2, len(plan) + 1, 2), len(plan)}


def test_max_steps_ends_it() -> None:
    assert len(plan_steps(rows([5] * 50), TrainingSettings(max_steps=3), 0)) == 3
