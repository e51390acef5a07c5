"""Word sequences of the held-out set are found wherever they stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.engine.filters.contamination import ContaminationFilter
from services.generator.engine.stage import Draft
from tests.unit.services.generator.writing import UNSPACED

word = st.sampled_from(
    ["the", "fox", "met", "a", "goose", "in", "snow", "and", "took", "it", "home", "again"]
)
sentence = st.lists(word, max_size=30).map(" ".join)


def windows(text: str, size: int) -> set[tuple[str, ...]]:
    tokens = text.split()
    return {tuple(tokens[i : i + size]) for i in range(len(tokens) - size + 1)}


@given(st.lists(sentence, max_size=5), sentence, st.integers(3, 8))
def test_it_refuses_exactly_what_shares_a_sequence(held_out: list[str], text: str, size: int) -> None:
    refused = ContaminationFilter(held_out, size).judge(Draft({}, text, {}))
    shared = windows(text, size) & set().union(*(windows(other, size) for other in held_out))
    assert (refused is not None) == bool(shared)
    if refused is not None:
        assert any(" ".join(run) in refused.detail for run in shared)


def test_case_and_punctuation_do_not_hide_it() -> None:
    judge = ContaminationFilter(["The fox met a goose, in the snow."], 5)
    assert judge.judge(Draft({}, "Well: THE FOX — met a Goose! Yes.", {})) is not None


@pytest.mark.parametrize("language", UNSPACED)
def test_a_passage_is_found_where_no_spaces_are_written(language: str) -> None:
    """A Chinese clause was one word: no row shared eight in a row."""
    article = UNSPACED[language]
    passage = article[len(article) // 3 : len(article) // 3 + 100]
    judge = ContaminationFilter([article], 8)
    assert judge.judge(Draft({}, f"{article[:5]}{passage}{article[-4:]}", {})) is not None
    short = article[: len(article) // 10]
    assert (
        judge.judge(Draft({}, f"{short}{UNSPACED['Chinese' if language != 'Chinese' else 'Thai']}", {}))
        is None
    )


def test_what_is_shared_is_told_as_it_is_written() -> None:
    refused = ContaminationFilter(["狐狸在雪地里遇见了一只鹅，然后回家了。"], 5).judge(
        Draft({}, "昨天狐狸在雪地里遇见了一只猫。", {})
    )
    assert refused is not None
    assert "“狐狸在雪地里遇见了一”" in refused.detail
