"""Marks never cut a word, an apostrophe joins two tokens to one, and ASCII is what it always was."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.words import count_between_blanks, count_words, tokens, words
from tests.unit.shared.text.languages import SPACED, UNSPACED
from tests.unit.shared.text.scripts import texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("मैं स्कूल जा रहा हूँ", ["मैं", "स्कूल", "जा", "रहा", "हूँ"]),
        ("वह किताब पढ़ रही है", ["वह", "किताब", "पढ़", "रही", "है"]),
        ("اللُّغَةُ العَرَبِيَّةُ", ["اللُّغَةُ", "العَرَبِيَّةُ"]),
        ("café noël is a fine day", ["café", "noël", "is", "a", "fine", "day"]),
        ("小明喜欢苹果。", ["小", "明", "喜", "欢", "苹", "果"]),
        ("ありがとう、２回", ["あ", "り", "が", "と", "う", "２", "回"]),
        ("ที่นี่ดี", ["ที่", "นี่", "ดี"]),
        ("AI人工智能 2024年", ["ai", "人", "工", "智", "能", "2024", "年"]),
        ("می‌خواهم بروم", ["میخواهم", "بروم"]),
        ("👩\u200d👩\u200d👧 😀", []),
        ("Don't — it’s O’Neill's_x.", ["don", "t", "it", "s", "o", "neill", "s_x"]),
    ],
    ids=[
        "Hindi", "more Hindi", "vowelled Arabic", "French", "Chinese", "Japanese", "Thai", "mixed", "Persian",
        "emoji", "English",
    ],
)  # fmt: skip
def test_tokens(text: str, expected: list[str]) -> None:
    expected = [unicodedata.normalize("NFC", token) for token in expected]
    assert tokens(text) == expected
    assert tokens(unicodedata.normalize("NFD", text)) == expected


def test_what_apostrophes_join_is_one_word() -> None:
    assert words("Don't — it’s O’Neill's 'own'.") == ["don't", "it's", "o'neill's", "own"]
    assert words("l’été, rock 'n' roll") == ["l'été", "rock", "n", "roll"]
    assert count_words("don't") == 1
    assert len(tokens("don't")) == 2


@given(st.text(st.characters(codec="ascii")))
def test_tokens_of_ascii_are_what_the_measures_references_take(text: str) -> None:
    assert tokens(text) == re.findall(r"\w+", text.lower())
    assert count_between_blanks(text) == len(text.split())


@given(texts)
def test_words_are_tokens_put_together(text: str) -> None:
    assert re.sub("'", "", "".join(words(text))) == "".join(tokens(text))
    assert count_words(text) <= len(words(text)) <= len(tokens(text))


@given(texts)
def test_no_mark_stands_alone(text: str) -> None:
    assert all(token[0].isalnum() or token[0] == "_" for token in tokens(text))


@pytest.mark.parametrize("language", UNSPACED)
def test_a_translation_has_about_as_many_words(language: str) -> None:
    assert 20 <= count_words(UNSPACED[language]) <= 40
    assert 20 <= count_between_blanks(UNSPACED[language]) <= 40


@pytest.mark.parametrize("language", SPACED)
def test_words_with_blanks_are_counted_as_readers_count_them(language: str) -> None:
    """Hindi ends in a stop that stands apart."""
    text = SPACED[language]
    assert count_words(text) == len([piece for piece in text.split() if piece != "।"])
