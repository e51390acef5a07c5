"""What is told of the time that the main job takes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from embedded.remaining import ASK_SECONDS, Remaining, in_words
from tests.waiting import until


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def answers(*seconds: float | None) -> Iterator[float | None]:
    yield from seconds


def asked_again(remaining: Remaining, clock: Clock, after: float) -> float:
    """What is left after so many seconds, with the answer to a new question in it."""
    clock.now += after
    before = remaining.seconds()  # asks
    assert before is not None

    until(lambda: remaining.seconds() != before, "the answer")
    found = remaining.seconds()
    assert found is not None
    return found


def test_it_counts_down_between_two_questions() -> None:
    clock = Clock()
    remaining = Remaining(lambda: 600.0, clock)
    clock.now = ASK_SECONDS / 2
    assert remaining.whole == 600.0
    assert remaining.seconds() == pytest.approx(600 - ASK_SECONDS / 2)


def test_a_machine_that_takes_twice_as_long_is_seen_to() -> None:
    clock, told = Clock(), answers(600.0, 500.0)
    remaining = Remaining(lambda: next(told), clock)
    assert asked_again(remaining, clock, 200.0) == pytest.approx(1_000.0)  # 100 of them took 200


def test_the_first_steps_say_nothing_of_the_pace() -> None:
    clock, told = Clock(), answers(600.0, 590.0)
    remaining = Remaining(lambda: next(told), clock)
    assert asked_again(remaining, clock, 100.0) == pytest.approx(590.0)


def test_what_is_not_foreseen_is_not_told() -> None:
    assert Remaining(lambda: None).seconds() is None
    assert (in_words(42), in_words(600)) == ("42 s", "10 min")
