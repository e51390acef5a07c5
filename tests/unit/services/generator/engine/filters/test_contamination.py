"""Rows that hold a held-out row are refused, and the refusal says what was found."""

from __future__ import annotations

import pytest

from services.generator.engine.filters.contamination import ContaminationFilter
from services.generator.engine.stage import Draft
from tests.unit.shared.text.languages import UNSPACED

SHARE = 0.5


def test_case_and_punctuation_do_not_hide_it() -> None:
    judge = ContaminationFilter(["The fox met a goose, in snow."], 5, SHARE)
    assert judge.judge(Draft({}, "Well: THE FOX — met a Goose! Yes.", {})) is not None


@pytest.mark.parametrize("language", UNSPACED)
def test_a_passage_is_found_where_no_spaces_are_written(language: str) -> None:
    """A Chinese clause was one word: no row shared eight in a row."""
    article = UNSPACED[language]
    judge = ContaminationFilter([article], 8, SHARE)
    assert judge.judge(Draft({}, f"{article[:5]}{article[3:]}{article[-4:]}", {})) is not None
    short = article[: len(article) // 10]
    other = UNSPACED["Chinese" if language != "Chinese" else "Thai"]
    assert judge.judge(Draft({}, f"{short}{other}", {})) is None


def test_what_is_held_is_told_as_it_is_written() -> None:
    refused = ContaminationFilter(["昨天有雨。", "狐狸在雪地里遇见了一只鹅。"], 5, 0.2).judge(
        Draft({}, "昨天狐狸在雪地里遇见了一只猫。", {})
    )
    assert refused is not None
    assert "row 1 " in refused.detail
    assert "“狐狸在雪地里遇见了一”" in refused.detail


def test_all_of_a_row_is_compared_not_only_what_the_model_wrote() -> None:
    judge = ContaminationFilter(["Who met the goose in the deep snow? The fox."], 8, SHARE)
    row = {"context_id": "c", "question": "Who met the goose in the deep snow?", "answer": "The fox."}
    assert judge.judge(Draft(row, "The fox.", {})) is not None
    assert judge.judge(Draft(row | {"question": "Who was hungry?"}, "The fox.", {})) is None
