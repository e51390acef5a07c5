"""Two spellings of one text are one text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.normal import comparable, normal
from tests.unit.shared.text.scripts import texts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café Noël", unicodedata.normalize("NFD", "café noël")),
        ("It’s “so”", 'it\'s "so"'),
        ("co\u00adoperate", "Cooperate"),
        ("می‌خواهم", "میخواهم"),
        ("J\u030cURA", "ǰura"),
        ("пʼять", "п’ять"),
        ("각", unicodedata.normalize("NFD", "각")),
    ],
    ids=["accents", "curly", "soft hyphen", "joiner", "caron", "apostrophe letter", "hangul"],
)
def test_what_a_reader_takes_for_the_same_is_compared_as_the_same(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(("one", "other"), [("ß", "ss"), ("१", "1"), ("e", "é"), ("ｅ", "e")])
def test_what_a_reader_tells_apart_is_kept_apart(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)


@given(texts)
def test_a_form_is_its_own_form(text: str) -> None:
    assert normal(normal(text)) == normal(text)
    assert comparable(comparable(text)) == comparable(text)


@given(texts)
def test_a_decomposed_text_is_compared_as_the_same(text: str) -> None:
    assert comparable(unicodedata.normalize("NFD", text)) == comparable(text)


@given(st.text(st.characters(codec="ascii")))
def test_ascii_is_only_lower_cased(text: str) -> None:
    assert normal(text) == text
    assert comparable(text) == text.lower()
