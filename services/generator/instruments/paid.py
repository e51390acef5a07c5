"""Stages whose calls are paid out of a budget: language models as measuring instruments."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from services.generator.engine.asking import Ask
from services.generator.engine.stage import Draft, Reject, Stage
from services.generator.instruments.budget import BudgetKeeper, Overspent


class PaidStage(Stage):
    """Ends at the first candidate that the budget does not pay for; those before it are decided first."""

    must_fill = False

    def __init__(self, spending: BudgetKeeper) -> None:
        self._spending = spending
        self._unpaid: int | None = None

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        with self._spending.allowance(ask, self.calls_each) as allowance:
            try:
                return await self.measure(number, allowance)
            except Overspent:
                self._unpaid = number if self._unpaid is None else min(number, self._unpaid)
                return []

    @abstractmethod
    async def measure(self, number: int, ask: Ask) -> Sequence[Draft | Reject]:
        """Ask for candidate `number` and read what comes."""

    def enough(self, decided: int) -> str:
        return self._spending.spent if self._unpaid is not None and decided >= self._unpaid else ""
