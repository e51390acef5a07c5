"""A step's batches, made in advance."""

from __future__ import annotations

import threading

import pytest

from services.trainer.batching.batches import StepBatches
from services.trainer.loop.ahead import Ahead


def test_what_was_prepared_is_taken_and_made_once() -> None:
    made: list[tuple[int, str]] = []

    def make(number: int) -> StepBatches:
        made.append((number, threading.current_thread().name))
        return StepBatches((), number, 0)

    with Ahead(make, steps=3) as ahead:
        for number in (1, 2):  # resumed after the first
            step = ahead.take(number)
            ahead.prepare(number + 1)
            assert step.predicted == number
    assert [number for number, _ in made] == [1, 2]
    assert made[0][1] == threading.current_thread().name
    assert made[1][1] != threading.current_thread().name


def test_an_error_of_the_thread_is_the_step_s() -> None:
    def make(number: int) -> StepBatches:
        raise KeyError(number)

    with Ahead(make, steps=2) as ahead:
        ahead.prepare(1)
        with pytest.raises(KeyError):
            ahead.take(1)
