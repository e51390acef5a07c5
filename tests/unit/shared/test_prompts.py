"""Prompts are kept once, and read as they were."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from shared.prompts import PromptBook, prompts_of

PARAGRAPH = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["long " * 60, "other " * 60]
)
TEXT = st.lists(PARAGRAPH, max_size=5).map("\n\n".join)
TURNS = TEXT | st.lists(st.tuples(st.sampled_from(["system", "user"]), TEXT), min_size=1, max_size=3)


@given(st.dictionaries(st.sampled_from("abcdef"), TURNS, max_size=6))
def test_what_is_written_is_read(prompts: dict[str, str | list[tuple[str, str]]]) -> None:
    book = PromptBook()
    lines = [line for name, turns in prompts.items() for line in book.lines(name, turns)]
    assert not [line for name, turns in prompts.items() for line in book.lines(name, turns)]
    shown = prompts_of(prompts, lambda: map(json.loads, lines))
    assert shown.keys() == prompts.keys()
    for name, turns in prompts.items():
        expected = (
            turns if isinstance(turns, str) else "\n\n".join(f"[{role}]\n{text}" for role, text in turns)
        )
        assert shown[name] == expected


def test_a_context_that_prompts_share_is_kept_once() -> None:
    book, context = PromptBook(), "A long context. " * 1_000
    lines = [line for n in range(30) for line in book.lines(str(n), f"{context}\n\nQuestion {n}?")]
    assert sum(map(len, lines)) < 2 * len(context)
    assert prompts_of(["7"], lambda: map(json.loads, lines)) == {"7": f"{context}\n\nQuestion 7?"}


def test_what_is_not_there_is_left_out() -> None:
    assert prompts_of(["x"], list) == {}
