"""The next step's batches, made while the device works on this one's."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from services.trainer.batching.batches import StepBatches


class Ahead:
    """A thread that makes one step's batches in advance. The backward pass is the time for it: it runs in
    torch's own threads, and leaves Python's lock alone.
    """

    def __init__(self, make: Callable[[int], StepBatches], steps: int) -> None:
        """`make`: a step's batches on the device, by its number from 0."""
        self.make, self.steps = make, steps
        self._thread = ThreadPoolExecutor(1, "gamut-ahead")
        self._made: dict[int, Future[StepBatches]] = {}

    def prepare(self, number: int) -> None:
        """Begins with this step's batches, if there is such a step; returns at once."""
        if number < self.steps:
            self._made[number] = self._thread.submit(self.make, number)

    def take(self, number: int) -> StepBatches:
        """This step's batches, as they were prepared or made now. Raises what `make` raises."""
        made = self._made.pop(number, None)
        return self.make(number) if made is None else made.result()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)
