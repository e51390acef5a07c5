"""The search for a setting: it ends at the answer, or says on which side of the range the target lies."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.generator.dial.search import KnobRange, OutOfReach, propose


def settle(
    space: KnobRange, curve: dict[int, float], target: float
) -> tuple[dict[int, float], OutOfReach | None]:
    observed: dict[int, float] = {}
    for _ in range(200):
        setting = propose(space, observed, target)
        if not isinstance(setting, int):
            return observed, setting
        assert space.low <= setting <= space.high
        assert setting not in observed, "a setting is never proposed twice"
        observed[setting] = curve[setting]
    raise AssertionError("it does not end")


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=60),
    st.floats(-0.2, 1.2),
    st.booleans(),
    st.booleans(),
)
def test_it_ends_at_the_answer_or_at_an_end(
    steps: list[float], target: float, rises: bool, ratio: bool
) -> None:
    values = sorted(steps, reverse=not rises)
    curve = dict(enumerate(values, start=1))
    observed, ended = settle(KnobRange(1, len(values), rises, ratio), curve, target)
    best = min(abs(value - target) for value in values)
    if ended is None:
        found = min(abs(value - target) for value in observed.values())
        assert found == best
    else:
        end = 1 if (ended is OutOfReach.BELOW) == rises else len(values)
        assert abs(curve[end] - target) == best


def test_the_middle_of_a_ratio_is_geometric() -> None:
    assert propose(KnobRange(1, 10_000, rises=True, ratio=True), {}, 0.5) == 100


def test_the_line_between_two_observations_is_followed() -> None:
    space = KnobRange(0, 1000, rises=True)
    assert propose(space, {0: 0.0, 1000: 1.0}, 0.3) == 300
    assert propose(space, {0: 0.0, 1000: 1.0}, 0.001) == 100, "never closer to an end than a tenth"


def test_noise_that_turns_observations_round_does_not_stop_it() -> None:
    space = KnobRange(1, 100, rises=True)
    setting = propose(space, {40: 0.52, 60: 0.48}, 0.5)
    assert isinstance(setting, int)
    assert 40 < setting < 60
