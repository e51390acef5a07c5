"""The compiled shingles are those of `shared/text/shingles.py`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.ngrams.shingled import shingled
from services.metrics.lexical.text.hashing import token_hash
from services.metrics.lexical.text.tokens import Tokens
from shared.text.shingles import Tokenised
from tests.unit.shared.text.scripts import mixed, texts


@given(st.lists(texts | mixed, max_size=4), st.integers(1, 8), st.booleans())
def test_the_kernel_lists_the_same_runs(corpus: list[str], size: int, whole: bool) -> None:
    """A run is known by its key: that of its tokens folded one after another."""
    keys = shingled(Tokens.of(corpus), size, whole=whole)
    expected: list[int] = []
    lengths = []
    for text in corpus:
        found = Tokenised.of(text)
        runs = found.runs_or_whole(size) if whole else found.runs(size)
        lengths.append(len(runs))
        expected += [folded(found.tokens[start:end]) for start, end in runs]
    assert keys.lengths.tolist() == lengths
    assert keys.hashes.tolist() == expected


def folded(tokens: list[str]) -> int:
    """`hashing.follow`, in Python's integers."""
    key = token_hash(tokens[0])
    for token in tokens[1:]:
        key = ((key ^ (key >> 32)) * 0xD6E8FEB86659FD93 + token_hash(token)) % 2**64
    return key
