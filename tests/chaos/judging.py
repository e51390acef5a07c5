"""What a storm has changed: nothing, or what it says here."""

from __future__ import annotations

from dataclasses import dataclass

from tests.chaos.study import Watched

PEACE, STORM = "peace", "storm"
"""The projects that the same study ran in, undisturbed and disturbed."""


@dataclass(frozen=True)
class Difference:
    """`missing`: artifacts that one of the two has alone. `different`: parts whose bytes differ. `failures`:
    jobs that failed or did not end. `damage`: parts that are not what their manifests say."""

    missing: list[str]
    different: list[str]
    failures: list[str]
    damage: list[str]
    artifacts: int
    parts: int
    calls: int
    paid_again: int


def compared(suite: Watched, calls: int) -> Difference:
    """The storm's project beside the other one, whose study took so many `calls`."""
    peace, storm = suite.made(PEACE), suite.made(STORM)
    return Difference(
        missing=sorted(peace.keys() ^ storm.keys()),
        different=sorted(
            f"{artifact}/{part}"
            for artifact in peace.keys() & storm.keys()
            for part in peace[artifact].keys() | storm[artifact].keys()
            if peace[artifact].get(part) != storm[artifact].get(part)
        ),
        failures=suite.failures(STORM),
        damage=suite.damage(),
        artifacts=len(storm),
        parts=sum(len(parts) for parts in storm.values()),
        calls=calls,
        paid_again=suite.payments.paid - calls,
    )
