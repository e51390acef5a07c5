"""Tokenisers equal a line of Python each, for every text of every script; hashes stand for tokens one to
one."""

from __future__ import annotations

import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.lexical.errors import (
    BrokenText,
    LexicalError,
    MissingText,
    UnknownTokeniser,
    UnlikeStates,
)
from services.metrics.lexical.text.hashing import token_hash
from services.metrics.lexical.text.tokens import Tokens
from shared.text.normal import normal
from shared.text.shingles import Tokenised
from shared.text.unspaced import QUARTERS_OF_A_WORD
from tests.unit.services.metrics.lexical.adversarial import FIXED, corpora, words
from tests.unit.shared.text.scripts import ALL, mixed, texts

NAIVE = {
    "words": words,
    "whitespace": str.split,
    "spaces": lambda text: text.split(" "),
    "characters": lambda text: list(normal(text)),
}


def assert_same_tokens(corpus: list[str], name: str, seed: int = 0) -> None:
    tokens = Tokens.of(corpus, name, seed)
    expected = [NAIVE[name](text) for text in corpus]
    assert tokens.lengths.tolist() == [len(found) for found in expected]
    assert tokens.hashes.tolist() == [token_hash(token, seed) for found in expected for token in found]
    assert tokens.characters.tolist() == [len(text) for text in corpus]


@pytest.mark.parametrize("name", NAIVE)
@given(corpus=corpora, seed=st.integers(0, 2**64 - 1))
def test_equal_to_python_on_any_text(name: str, corpus: list[str], seed: int) -> None:
    assert_same_tokens(corpus, name, seed)


@pytest.mark.parametrize("name", NAIVE)
@pytest.mark.parametrize("kind", FIXED)
def test_equal_to_python_on_known_hard_texts(name: str, kind: str) -> None:
    assert_same_tokens(FIXED[kind], name)


@pytest.mark.parametrize("name", NAIVE)
@given(corpus=st.lists(texts | mixed, max_size=8))
def test_equal_to_python_in_every_script(name: str, corpus: list[str]) -> None:
    assert_same_tokens(corpus, name)


@pytest.mark.parametrize("script", ALL)
def test_equal_to_python_on_prose(script: str) -> None:
    for text in (ALL[script], unicodedata.normalize("NFD", ALL[script])):
        assert_same_tokens([text], "words")


@given(corpus=st.lists(texts | mixed, max_size=8))
def test_parts_of_words_are_those_of_the_definition(corpus: list[str]) -> None:
    found = [Tokenised.of(text) for text in corpus]
    expected = [part for one in found for part in one.quarters or [QUARTERS_OF_A_WORD] * len(one.tokens)]
    tokens = Tokens.of(corpus)
    assert tokens.parts().tolist() == expected
    assert Tokens.of(corpus[:1]).merge(Tokens.of(corpus[1:])).parts().tolist() == expected
    every_second = np.arange(0, len(corpus), 2)
    kept = [part for one in found[::2] for part in one.quarters or [QUARTERS_OF_A_WORD] * len(one.tokens)]
    assert tokens.take(every_second).parts().tolist() == kept


def test_every_character_alone_and_between_letters() -> None:
    """Against the same words spelled out, hashed byte after byte."""
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    blocks = [
        " ".join(f"{c} a{c}b" for c in characters[i : i + 4096]) for i in range(0, len(characters), 4096)
    ]
    spelled = [" ".join(words(block)) for block in blocks]
    assert Tokens.of(blocks).hashes.tolist() == Tokens.of(spelled, "spaces").hashes.tolist()


def test_distinct_tokens_have_distinct_hashes() -> None:
    spelled = {
        f"{stem}{number}" for stem in ("", "a", "word", "longer_than_eight_") for number in range(20_000)
    }
    for seed in (0, 1):
        assert len({token_hash(token, seed) for token in spelled}) == len(spelled)
    assert token_hash("word", 0) != token_hash("word", 1)


@given(corpora, corpora)
def test_shards_merge_into_the_whole(left: list[str], right: list[str]) -> None:
    merged, whole = Tokens.of(left).merge(Tokens.of(right)), Tokens.of(left + right)
    assert merged.hashes.tolist() == whole.hashes.tolist()
    assert merged.offsets.tolist() == whole.offsets.tolist()
    assert merged.characters.tolist() == whole.characters.tolist()


def test_a_million_token_line() -> None:
    tokens = Tokens.of(["Ab cé " * 500_000])
    assert tokens.lengths.tolist() == [1_000_000]
    assert set(tokens.hashes.tolist()) == {token_hash("ab"), token_hash("cé")}


def test_arrow_columns_of_every_kind_are_read_alike() -> None:
    strings = ["One two", "", "Drei ß", "four"]
    chunked = pa.chunked_array([pa.array(strings[:1]), pa.array(strings[1:])])
    kinds = [
        pa.array(strings),
        pa.array(strings, pa.large_string()),
        pa.array(strings, pa.string_view()),
        pa.array(strings).dictionary_encode(),
        chunked,
        pa.array(["cut", *strings, "off"]).slice(1, 4),
    ]
    for column in kinds:
        assert Tokens.of(column).hashes.tolist() == Tokens.of(strings).hashes.tolist(), column.type


def test_what_is_not_text_is_refused_with_what_to_do() -> None:
    with pytest.raises(MissingText, match="1 of 2 rows"):
        Tokens.of(pa.array(["a", None]))
    with pytest.raises(BrokenText, match="surrogate"):
        Tokens.of(["\ud800"])
    with pytest.raises(LexicalError, match="int64"):
        Tokens.of(pa.array([1, 2]))
    with pytest.raises(LexicalError, match="wrap it in a list"):
        Tokens.of("one string")
    with pytest.raises(UnknownTokeniser, match="choose one of words, whitespace"):
        Tokens.of(["a"], "word")
    with pytest.raises(UnlikeStates, match="one seed"):
        Tokens.of(["a"]).merge(Tokens.of(["a"], seed=1))


@pytest.mark.parametrize("corpus", [["It's 3.5 o'clock, isn't it? (Yes.)", "", "naïve — “quoted” café."]])
def test_reference_tokenisers(corpus: list[str]) -> None:
    nltk = pytest.importorskip("nltk")
    bleu = pytest.importorskip("sacrebleu.metrics.bleu").BLEU()
    references = {
        "nltk": lambda text: nltk.word_tokenize(text, preserve_line=True),
        "13a": lambda text: bleu._preprocess_segment(text).split(),
    }
    for name, split in references.items():
        tokens = Tokens.of(corpus, name)
        expected = [split(text) for text in corpus]
        assert tokens.lengths.tolist() == [len(found) for found in expected]
        assert tokens.hashes.tolist() == [token_hash(token) for found in expected for token in found]


def test_texts_that_python_lower_cases_keep_their_lengths() -> None:
    """Σ makes Python lower-case the text, and İ then becomes two characters."""
    corpus = ["plain", "İΣ İΣ", "ΟΔΟΣ", "after", ""]
    found = Tokens.of(corpus)
    assert found.characters.tolist() == [len(text) for text in corpus]
    assert found.lengths.tolist() == [len(words(text)) for text in corpus]
