"""What was found of each condition and of all of them together: codes, each with what it was tested against.

Generated rows may be tried *in place of* real ones or *in addition to* them, and a verdict on the one says
nothing about the other. Where the real rows alone were trained to their best, a verdict was also reached
against *training longer* on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from services.metrics.reporting.conditions import Condition
from shared.contracts.report import Against, Design, IntervalEstimate, Verdict

Effect = Literal["helps", "hurts", "no_difference", "unmeasured"]
"""Of a condition's change from its reference: its whole interval lies below zero, above, or on both sides; or
there is no interval."""


LEAST_LEARNT = 0.002
"""Share of the untuned model's loss by which some training must move it: six steps at too low a rate moved
one by 0.1 %, and paired tests told even that from nothing."""


@dataclass(frozen=True)
class Dose:
    """One condition: what it was given and what became of it. `change` is from `reference`, by its label,
    whose outcome is `instead_of`."""

    condition: Condition
    x: float | None
    outcome: IntervalEstimate
    change: IntervalEstimate | None
    reference: str | None = None
    instead_of: float | None = None
    sizes: tuple[float, float] | None = None
    """Rows of it and of the reference, where they differ by more than a tenth and it is not an addition: a
    part of the difference."""

    @property
    def name(self) -> str:
        return self.condition.name

    @property
    def design(self) -> Design | None:
        return self.condition.design

    @property
    def effect(self) -> Effect:
        return effect_of(self.change)

    @property
    def lowers(self) -> bool:
        """Whether it is to be preferred to its reference: its effect says so, or, where there is no interval,
        the figures alone."""
        if self.effect == "unmeasured":
            return self.change is not None and self.change.value < 0
        return self.effect == "helps"


def effect_of(change: IntervalEstimate | None) -> Effect:
    if change is None or not change.covers:
        return "unmeasured"
    return {1: "hurts", -1: "helps"}.get(change.sign, "no_difference")  # type: ignore[return-value]


@dataclass(frozen=True)
class Decision:
    """The verdict, and the condition that it recommends."""

    verdict: Verdict
    best: Dose | None
    tested: tuple[Against, ...] = field(default=())
    """What the verdict was reached against."""


def decide(doses: Sequence[Dose], baseline: Dose | None, untuned: IntervalEstimate | None) -> Decision:
    """From the conditions, sorted from the lowest outcome on, the baseline among them."""
    if not doses:
        return Decision("undecided", None)
    tested = tested_against(doses, baseline)
    if not _learnt(doses, untuned):
        return Decision("nothing_learnt", baseline or doses[0], tested)
    if untuned is not None and doses[0].outcome.value >= untuned.value:
        return Decision("do_not_train", doses[0], tested)
    generated = [dose for dose in doses if dose is not baseline]
    declared = [dose for dose in generated if dose.design is not None]
    if not declared or baseline is None:
        alone = doses[0] is baseline and bool(generated)
        return Decision("keep_baseline" if alone else "train", doses[0], tested)
    better = next(
        (dose for dose in declared if dose.lowers and dose.outcome.value < baseline.outcome.value), None
    )
    if better is not None:
        return Decision("add" if better.design == "in_addition_to" else "replace", better, tested)
    return Decision("add_nothing" if "in_addition_to" in tested else "keep_real", baseline, tested)


def _learnt(doses: Sequence[Dose], untuned: IntervalEstimate | None) -> bool:
    """Whether any training changed the model at all; True where the runs do not say. Where none did,
    differences among trained models are noise, however surely they are measured on the same test rows."""
    return untuned is None or any(
        abs(dose.outcome.value - untuned.value) >= LEAST_LEARNT * abs(untuned.value) for dose in doses
    )


def tested_against(doses: Sequence[Dose], baseline: Dose | None) -> tuple[Against, ...]:
    found: list[Against] = [
        design for design in ("in_addition_to", "in_place_of") if any(dose.design == design for dose in doses)
    ]
    if found and baseline is not None and baseline.condition.at_its_best:
        found.append("training_longer")
    return tuple(found)
