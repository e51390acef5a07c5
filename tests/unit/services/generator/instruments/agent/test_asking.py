"""Texts too long to be shown whole: bounded, marked, and told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.instruments.agent.asking import CLIPPED, clipped, clipped_inside


@pytest.mark.parametrize("clip", [clipped, clipped_inside])
@given(text=st.text(max_size=400), characters=st.integers(100, 300))
def test_what_is_shown_is_bounded_and_marked(
    clip: Callable[[str, int], str], text: str, characters: int
) -> None:
    shown = clip(text, characters)
    if len(text) <= characters:
        assert shown == text
    else:
        assert CLIPPED in shown
        assert len(shown) <= characters + len(f" {CLIPPED} ")


def test_a_question_after_a_long_context_is_still_asked() -> None:
    shown = clipped_inside("It rained. " * 1_000 + "\n\nDid it rain?", 200)
    assert shown.startswith("It rained.")
    assert shown.endswith("\n\nDid it rain?")
