"""Texts that break naive assumptions, and the naive forms the fast ones are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import strategies as st

from shared.text.words import tokens as words

# Few words, so that n-grams repeat; the rest is what tokenisers and hashes get wrong: case that changes
# length or depends on its neighbours, combining marks, right-to-left letters, digits and letters outside
# the first plane, joiners, controls, words of seven, eight, nine and seventeen bytes.
SPELLED = """
a the The b_c 12 seven77 eight888 nine99999 seventeen_letters İstanbul ΣΑΣ ΟΔΟΣ ß ẞ ﬁ é e\u0301 שלום مرحبا
नमस्ते 👩\u200d👩 😀 𝔘𝔫𝔦 ٣ ² Ⅷ 中文 \u0345 ǅ don't x-y
"""
WORDS = [*SPELLED.split(), "", " ", "\u00a0", "\x00", "\x1c", "\u2028", "\n", "\t\t"]

pieces = st.sampled_from(WORDS) | st.text(max_size=6)
texts = st.builds(" ".join, st.lists(pieces, max_size=12)) | st.builds("".join, st.lists(pieces, max_size=6))
corpora = st.lists(texts, max_size=8)
repetitive = st.lists(
    st.builds(" ".join, st.lists(st.sampled_from(["a", "b", "c"]), max_size=14)), max_size=8
)
either = corpora | repetitive

FIXED: dict[str, list[str]] = {
    "none": [],
    "empty": [""],
    "all empty": ["", " ", "\n"],
    "one token": ["word"],
    "all equal": ["the same text again"] * 7,
    "emoji": ["😀😀 👩\u200d👩\u200d👧 ok", "😀 ok ok"],
    "combining": ["cafe\u0301 café", "n\u0303 ñ"],
    "right to left": ["שלום עולם שלום", "مرحبا بالعالم"],
    "long line": ["x y " * 2000],
}


def ngrams(tokens: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return [tuple(tokens[i : i + order]) for i in range(len(tokens) - order + 1)]


def all_ngrams(corpus: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return [gram for text in corpus for gram in ngrams(words(text), order)]


def counted(corpus: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(all_ngrams(corpus, order))
