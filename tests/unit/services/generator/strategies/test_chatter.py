"""What a model says to whoever asked is no row."""

from __future__ import annotations

import pytest

from services.generator.strategies.chatter import Chatter, signs, without_chatter

STORY = "Olive followed the teapot home. It was late, and nobody saw her."


@pytest.mark.parametrize(
    "text",
    [
        f"Sure! Here's a short story about that:\n\n{STORY}",
        f"Here is a story:\n{STORY}",
        f"Certainly, I'll write a new text for you.\n\n{STORY}",
        f"The story of the kite:\n\n{STORY}",
        f"以下是一个故事：\n{STORY}",
        f"Voici une histoire :\n{STORY}",
        f"{STORY}\n\nI hope you enjoyed it! Let me know if you'd like another one.",
        f"{STORY}\n\nLet me know if you need changes.",
        f"{STORY}\n(Word count: 120)",
        f"{STORY}\n\n**Note:** This story has five sentences.",
        f"{STORY}\nWould you like me to write another?",
    ],
)
def test_it_is_known(text: str) -> None:
    assert signs(text)
    with pytest.raises(Chatter):
        without_chatter(lambda text, context: {"text": text}, [])(text, "")


@pytest.mark.parametrize(
    "text",
    [
        STORY,
        f"Of course I would come, she thought. {STORY}",
        f"Okay, I would give anything to see it, he said. {STORY}",
        f"Sure, I'll help you, Tom said.\n{STORY}",
        f"{STORY}\nI hope that winter never comes again, she wrote.",
        f"“Sure! Here’s your kite,” said Anna.\n\n{STORY}",
        "He said: it is late.\n\nThen he left.",
        "Question: Who won?\nAnswer: Kate.",
        "**Question:**\n\nWho won?\n\n**Answer:**\n\nKate.",
        "Let me know if you see it, he said, and left.",
        "Okay, I will tell you how it was. I was eight.",
        "Here is where they met.\n\nIt was cold.",
        "",
    ],
)
def test_stories_are_none(text: str) -> None:
    assert signs(text) == []


def test_what_the_real_rows_do_too_is_none() -> None:
    recipe = "Ingredients:\n\n2 eggs, flour.\n\nBeat them."
    parse = without_chatter(lambda text, context: {"text": text}, [recipe, STORY])
    assert parse(recipe, "") == {"text": recipe}
    with pytest.raises(Chatter):
        without_chatter(lambda text, context: {"text": text}, [STORY])(recipe, "")
