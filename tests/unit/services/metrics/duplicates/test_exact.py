"""Exact duplicates are rows with equal text, whichever way Unicode spells it, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.duplicates import exact_duplicates
from shared.text.normal import normal


@given(
    st.lists(st.sampled_from(["", " ", "a", "A", "é", "e\u0301", "a\n"]) | st.text(max_size=2), max_size=10)
)
def test_the_first_equal_row(texts: list[str]) -> None:
    groups = exact_duplicates(texts)
    forms = [normal(text) for text in texts]
    assert groups.first.tolist() == [forms.index(form) for form in forms]
    assert groups.duplicates == len(forms) - len(set(forms))
