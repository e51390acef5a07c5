"""Hashes of shingles are of the runs of `shared/text/shingles.py`, wherever they stand."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.generator.engine.filters.shingles import shingle_hashes
from shared.text.shingles import Tokenised
from tests.unit.shared.text.scripts import mixed, texts

sizes = st.integers(1, 8)


@given(texts | mixed, sizes)
def test_the_generators_hashes_are_of_the_same_runs(text: str, size: int) -> None:
    found = Tokenised.of(text)
    expected = []
    for start, end in found.runs_or_whole(size):
        rolled = 0
        for token in found.tokens[start:end]:
            rolled = (rolled ^ crc32(token.encode("utf-8"))) * 0x9E3779B97F4A7C15 % 2**64
            rolled ^= rolled >> 29
        expected.append(rolled)
    assert shingle_hashes(found, size).tolist() == (expected or [0])


@given(mixed, mixed, mixed, sizes)
def test_a_run_has_the_same_hash_wherever_it_stands(before: str, text: str, after: str, size: int) -> None:
    found = Tokenised.of(text)
    if not found.runs(size):
        return
    within = shingle_hashes(Tokenised.of(f"{before} {text} {after}"), size)
    assert np.isin(shingle_hashes(found, size), within).all()
