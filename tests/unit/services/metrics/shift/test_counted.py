"""JS of many divisions, of which bins that one row holds are counted together, is JS over all bins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.lexical import Tokens
from services.metrics.shift.counted import Counted

texts = st.lists(st.text(alphabet="abcd ", max_size=20), min_size=2, max_size=8)


@given(texts, texts, st.integers(1, 2), st.integers(0, 1000))
@settings(max_examples=60)
def test_js_alone_is_that_of_all_divergences(
    real: list[str], generated: list[str], order: int, seed: int
) -> None:
    counted = Counted.words(Tokens.of(real), Tokens.of(generated), order)
    rows = len(real) + len(generated)
    labels = np.random.default_rng(seed).random((rows, 5)) < 0.5
    labels[:, 0] = np.arange(rows) >= len(real)
    every = counted.divergences(~labels, labels, 0.5)["js"]
    found = counted.jensen_shannon(~labels, labels)["js"]
    assert np.isnan(found).tolist() == np.isnan(every).tolist()
    defined = ~np.isnan(every)
    assert found[defined] == pytest.approx(every[defined], abs=1e-9)
