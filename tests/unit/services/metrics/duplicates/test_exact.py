"""Exact duplicates are rows with equal text, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.duplicates import exact_duplicates


@given(
    st.lists(st.sampled_from(["", " ", "a", "A", "é", "e\u0301", "a\n"]) | st.text(max_size=2), max_size=10)
)
def test_the_first_equal_row(texts: list[str]) -> None:
    groups = exact_duplicates(texts)
    assert groups.first.tolist() == [texts.index(text) for text in texts]
    assert groups.duplicates == len(texts) - len(set(texts))
