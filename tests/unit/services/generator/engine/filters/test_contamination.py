"""Word sequences of the held-out set are found wherever they stand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.generator.engine.filters.contamination import Contamination
from services.generator.engine.stage import Draft

word = st.sampled_from(
    ["the", "fox", "met", "a", "goose", "in", "snow", "and", "took", "it", "home", "again"]
)
sentence = st.lists(word, max_size=30).map(" ".join)


def windows(text: str, size: int) -> set[tuple[str, ...]]:
    tokens = text.split()
    return {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}


@given(st.lists(sentence, max_size=5), sentence, st.integers(3, 8))
def test_it_refuses_exactly_what_shares_a_sequence(held_out: list[str], text: str, size: int) -> None:
    refused = Contamination(held_out, size).judge(Draft({}, text, {}))
    shared = windows(text, size) & set().union(*(windows(other, size) for other in held_out))
    assert (refused is not None) == bool(shared)
    if refused is not None:
        assert any(" ".join(run) in refused.detail for run in shared)


def test_case_and_punctuation_do_not_hide_it() -> None:
    judge = Contamination(["The fox met a goose, in the snow."], 5)
    assert judge.judge(Draft({}, "Well: THE FOX — met a Goose! Yes.", {})) is not None
