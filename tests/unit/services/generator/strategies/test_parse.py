"""From a model's words to a row: what has the form passes, and nothing else does."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from services.generator.strategies.json_answers import json_as
from services.generator.strategies.parse import (
    Shape,
    Unparsable,
    completion_row,
    list_items,
    pair_row,
    question_only,
    text_row,
    usual_shape,
)

STORY = "The fox was hungry. He saw a goose! Was she alone? She was not. He went home."


def test_a_story_is_split_before_its_last_sentence() -> None:
    row = completion_row(f"Story: {STORY}\n", Shape.exactly(5))
    assert row["completion"] == "He went home."
    assert f"{row['context']} {row['completion']}" == STORY


def test_a_story_without_spaces_is_split_as_it_is_written() -> None:
    story = "小狐狸很饿。它看见了一只鹅！鹅是一个人吗？不是的。它回家了。"
    assert completion_row(story, Shape.exactly(5)) == {"context": story[:-5], "completion": "它回家了。"}
    assert completion_row(f"{story[:6]}\n{story[6:]}", Shape.exactly(5, 2)) == {
        "context": "小狐狸很饿。 它看见了一只鹅！鹅是一个人吗？",
        "completion": "不是的。它回家了。",
    }


@pytest.mark.parametrize("text", [STORY + " And slept.", "The fox was hungry.", STORY[:-1], ""])
def test_other_numbers_of_sentences_are_refused(text: str) -> None:
    with pytest.raises(Unparsable):
        completion_row(text, Shape.exactly(5))


def test_a_pair_is_read_over_lines() -> None:
    row = pair_row("Question: Who met\nthe goose?\nAnswer: The fox,\nat noon.", "c1")
    assert row == {"context_id": "c1", "question": "Who met the goose?", "answer": "The fox, at noon."}


@pytest.mark.parametrize(
    "text",
    [
        "Who met the goose? The fox.",
        "Question: Who?",
        "Answer: The fox.\nQuestion: Who?",
        "Question: Who?\nAnswer: The fox.\n\nQuestion: Where?\nAnswer: There.",
        "Question:\nAnswer:",
    ],
)
def test_anything_but_one_pair_is_refused(text: str) -> None:
    with pytest.raises(Unparsable):
        pair_row(text, "c1")


def test_a_text_must_say_something() -> None:
    assert text_row(" Text: hello ") == {"text": "hello"}
    with pytest.raises(Unparsable):
        text_row(" \n")


def test_only_the_question_is_taken() -> None:
    assert question_only("Question: Where was she?\nAnswer: At home.") == "Where was she?"
    with pytest.raises(Unparsable):
        question_only("\n")


def test_lists_lose_their_bullets() -> None:
    text = "- a fox\n* the “sea”\n- “all of it”\n- **bold**\n\n3. one 3.5 mm screw\n4) x-rays\n• last"
    assert list_items(text) == [
        "a fox",
        "the “sea”",
        "all of it",
        "bold",
        "one 3.5 mm screw",
        "x-rays",
        "last",
    ]


def test_what_is_said_around_a_list_is_no_item() -> None:
    chatty = "Sure! Here are 3 topics:\n\n1. **a dog**\n2. *a cat*\n3. a cow\n\nLet me know if you want more!"
    assert list_items(chatty) == ["a dog", "a cat", "a cow"]
    assert list_items("Here you are:") == []


def test_lists_have_their_marks_in_other_scripts_too() -> None:
    assert list_items("以下是三个主题：\n1、雪中的狐狸\n2．海边的鹅\n3. 月亮") == [
        "雪中的狐狸",
        "海边的鹅",
        "月亮",
    ]


def test_the_first_line_may_have_its_bullet_in_the_prompt() -> None:
    assert list_items(" a fox\n- a hen", continued=True) == ["a fox", "a hen"]
    assert list_items("Gladly.\n- a hen") == ["a hen"]
    assert list_items("<example>\na hen\n</example>") == ["a hen"]


def test_a_hyphen_within_a_line_is_no_bullet() -> None:
    assert list_items("a well-known fox\n3.5 mm screws") == ["a well-known fox", "3.5 mm screws"]


@pytest.mark.parametrize("blank", [" ", "\n", "\n \n", "\t\n", "a \n"])
def test_a_model_that_writes_nothing_but_blanks_is_refused_in_time(blank: str) -> None:
    """Backtracking took hours over these: a test that does not end is how it would fail."""
    for text in (f"Question: {blank * 30_000}z", f"Question: x\nAnswer{blank * 30_000}z"):
        with pytest.raises(Unparsable):
            pair_row(text, "c1")
    with pytest.raises(Unparsable):
        json_as(BaseModel, "```" + blank * 30_000)


def row(context: int, completion: int) -> dict[str, str]:
    """A row of so many sentences on either side."""
    said = ["It rained."] * (context + completion)
    return {"context": " ".join(said[:context]), "completion": " ".join(said[context:])}


@pytest.mark.parametrize(
    ("rows", "shape"),
    [
        ([row(4, 1)] * 3 + [row(1, 3)] * 2, Shape(5, 4, 5)),
        ([row(1, 3)] * 2 + [row(4, 1)], Shape(4, 4, 5, 3)),
        ([row(2, 1), row(3, 1)], Shape(3, 3, 4)),
        ([], Shape.exactly(2)),
        ([{"context": "", "completion": "One."}], Shape.exactly(2)),
    ],
    ids=["stories", "long answers", "a tie", "none", "no context"],
)
def test_rows_are_made_in_the_shape_of_the_real_ones(rows: list[dict[str, str]], shape: Shape) -> None:
    assert usual_shape(rows) == shape


def test_a_row_may_have_about_as_many_sentences_as_the_real_ones() -> None:
    """A weak model counts badly, and so do real rows: of five-sentence passages a sixth has four or six."""
    shape = usual_shape([row(4, 1)] * 10, slack=0.25)
    assert (shape.usual, shape.fewest, shape.most) == (5, 3, 7)
    for count in (3, 7):
        assert completion_row(" ".join(["It rained."] * count), shape)["completion"] == "It rained."
    for count in (2, 8):
        with pytest.raises(Unparsable):
            completion_row(" ".join(["It rained."] * count), shape)


def test_a_completion_may_have_several_sentences() -> None:
    made = completion_row("Where is it? It is here. Take it.", Shape.exactly(3, 2))
    assert made == {"context": "Where is it?", "completion": "It is here. Take it."}
