"""An answer that repeats its prompt is found, whatever the case and the punctuation; its topic is no echo."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.calls.call import Message
from services.generator.strategies.echo import Echo
from shared.text.words import tokens

EXAMPLE = "A poor widow lived with her son in a small hut near the forest."
PROMPT = (
    f"Write a text about the day when the old miller of the valley lost his key.\n\n{EXAMPLE}\nNow write it."
)
TOPIC = "the day when the old miller of the valley lost his key"


@pytest.mark.parametrize(
    "text",
    [
        "Long ago a poor widow lived, with her son, in a small house.",
        "It was near the forest.\nNow write it.",  # across two lines of the prompt, six words
        "WRITE A TEXT ABOUT a fox",
    ],
)
def test_what_is_copied_is_shown(text: str) -> None:
    assert Echo(5).of(PROMPT, [TOPIC])(text)


@pytest.mark.parametrize(
    "text", ["", "Short.", "A rich widow lived without a son.", f"This is about {TOPIC}, and nothing else."]
)
def test_what_is_the_models_own_passes(text: str) -> None:
    assert not Echo(5).of(PROMPT, [TOPIC])(text)


def test_all_turns_are_looked_at() -> None:
    turns = (Message("system", "You answer with the text asked for."), Message("user", "Write."))
    assert Echo(5).of(turns, [])("You answer with the text!") == "you answer with the text"


def test_scripts_without_blanks_are_compared_by_their_letters() -> None:
    """Two letters are taken for a word."""
    prompt = "从前有一个贫穷的寡妇和她的儿子住在森林边上的小屋里。"
    assert Echo(5).of(prompt, [])("很久以前，贫穷的寡妇和她的儿子住在城里。")
    assert not Echo(5).of(prompt, [])("很久以前，寡妇的儿子在城里。")


WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=24).map(" ".join)


@given(text=WORDS, prompt=WORDS, size=st.integers(1, 6))
def test_the_quick_way_finds_what_the_slow_one_does(text: str, prompt: str, size: int) -> None:
    said, asked = tokens(text), tokens(prompt)
    runs = {tuple(asked[at : at + size]) for at in range(len(asked) - size + 1)}
    expected = any(tuple(said[at : at + size]) in runs for at in range(len(said) - size + 1))
    assert bool(Echo(size).of(prompt, [])(text)) == expected
