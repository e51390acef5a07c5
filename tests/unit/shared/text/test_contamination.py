"""When a row holds a test row: the definition, and its index, which says the same of many rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.contamination import HELD_SHARE
from shared.text.contamination import HeldOut, compared_text, held_share, ngrams
from tests.unit.shared.text.scripts import mixed, texts

few = st.lists(st.sampled_from("abc"), max_size=10).map(" ".join)
any_text = few | mixed | texts


@given(st.lists(any_text, max_size=4), any_text, st.integers(1, 4), st.floats(0.01, 1))
def test_the_index_says_what_the_definition_says(
    tests: list[str], text: str, size: int, share: float
) -> None:
    found = {held.test: held.share for held in HeldOut(tests, size, share).held_by(text)}
    shares = {number: held_share(text, test, size) for number, test in enumerate(tests)}
    assert found == {number: value for number, value in shares.items() if value >= share}


@given(any_text)
def test_a_text_holds_itself_whatever_its_length(text: str) -> None:
    assert held_share(text, text) == (1.0 if ngrams(text) else 0.0)


def test_a_short_test_row_is_held_by_what_says_the_same_and_nothing_else() -> None:
    assert held_share("It is five words long!", "it is five words long") == 1.0
    assert held_share("Well, it is five words long, I said.", "it is five words long") == 0.0


def test_part_of_a_row_counts_by_its_share() -> None:
    assert held_share("a b c d z", "a b c d e f", 2) == 0.6
    assert HeldOut(["a b c d e f"], 2, 0.6).held_by("a b c d z")[0].share == 0.6
    assert HeldOut(["a b c d e f"], 2, 0.61).held_by("a b c d z") == []


def test_two_halves_in_two_rows_are_not_a_copy() -> None:
    held_out = HeldOut(["a b c d e"], 2, 0.8)
    assert held_out.held_by("a b c") == held_out.held_by("c d e") == []


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"context_id": "c", "context": "long", "question": "Who came?", "answer": "He."}, "Who came? He."),
        ({"context": "Once.", "completion": "The end."}, "Once. The end."),
        ({"completion": "The end."}, "The end."),
        ({"id": "r1", "text": "Once.", "origin": {"seed": 1}}, "Once."),
        ({"id": "r1"}, ""),
    ],
    ids=["qa", "completion", "a completion alone", "text", "nothing"],
)
def test_what_is_compared_of_a_row(row: dict[str, object], text: str) -> None:
    assert compared_text(row) == text


def test_half_a_row_is_a_row() -> None:
    assert HELD_SHARE == 0.5
