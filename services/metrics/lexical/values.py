"""A measured value, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

NO_TEXTS = "there are no texts"
NO_TOKENS = "the texts hold no tokens"
ONE_TEXT = "one text cannot be compared with others: at least two are needed"


def too_short(order: int) -> str:
    return f"no text has {order} tokens, so there are no {order}-grams"


@dataclass(frozen=True)
class Value:
    """`value`, a finite number; or None, and the reason why the measure is not defined for these texts."""

    value: float | None
    reason: str | None = None

    @classmethod
    def none(cls, reason: str) -> Value:
        return cls(None, reason)

    @classmethod
    def ratio(cls, numerator: float, denominator: float, reason: str) -> Value:
        """The quotient, or none for that reason when the denominator is zero."""
        return cls(numerator / denominator) if denominator else cls.none(reason)
