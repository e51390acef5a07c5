"""Refusals are told from stories in which somebody is sorry."""

from __future__ import annotations

import pytest

from services.generator.engine.filters.refusals import Refusals, declines
from services.generator.engine.stage import Draft


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, I cannot assist with this request.",
        "Sorry, I can't do that.",
        "As an AI language model, I do not have opinions.",
        "I cannot provide instructions for that.",
        "I am unable to write such a text.",
        '"I won\'t help with that."',
        "I must respectfully decline.",
    ],
)
def test_these_decline(text: str) -> None:
    assert declines(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, said the fox, and gave back the goose.",
        "I can't remember the summer my father bought the boat.",
        "Sorry was the first word the parrot learnt.",
        "The robot said: as an AI, I cannot lie.",
        "I am an aide to the king, and I must write this down.",
        "",
    ],
)
def test_these_do_not(text: str) -> None:
    assert not declines(text)


def test_a_content_filter_is_a_refusal_whatever_the_text() -> None:
    assert Refusals().judge(Draft({}, "Once", {"finish_reason": "content_filter"})) is not None


def test_only_what_the_model_wrote_is_looked_at() -> None:
    draft = Draft({"answer": "I can't help with that."}, "Who is there? I can't help with that.", {})
    assert Refusals().judge(draft) is None
    assert Refusals("answer").judge(draft) is not None
