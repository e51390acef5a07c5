"""One text being written: where it ends, and what a reader along may already see."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from standin.server.sequence import Sampling, Sequence

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
END = len(ALPHABET)


@pytest.fixture(scope="module")
def bytewise() -> Tokenizer:
    """A tokenizer whose tokens are single bytes, so that every boundary is a token boundary."""
    vocabulary = {character: index for index, character in enumerate(ALPHABET)} | {"<end>": END}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.add_special_tokens(["<end>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def write(tokenizer: Tokenizer, text: str, *, stop: tuple[str, ...] = (), limit: int = 10_000) -> list[str]:
    """Write `text` byte by byte; what is settled after each token, and the final text last."""
    sequence = Sequence([0], Sampling(limit, 1.0, 1.0, seed=0, stop=stop))
    seen = []
    for token in [*tokenizer.encode(text).ids, END]:
        sequence.accept(token, tokenizer, END)
        seen.append(sequence.settled())
        if sequence.finish_reason:
            break
    return seen


@given(text=st.text(max_size=60))
def test_the_text_is_what_the_tokens_say(bytewise: Tokenizer, text: str) -> None:
    assert write(bytewise, text)[-1] == text


@given(text=st.text("abc", max_size=40), stop=st.lists(st.text("abc", min_size=1, max_size=4), max_size=3))
def test_a_text_ends_before_the_first_stop_string(bytewise: Tokenizer, text: str, stop: list[str]) -> None:
    seen = write(bytewise, text, stop=tuple(stop))
    assert not any(string in seen[-1] for string in stop)
    assert text.startswith(seen[-1])
    if not any(string in text for string in stop):
        assert seen[-1] == text


@given(text=st.text("abc", max_size=40), stop=st.lists(st.text("abc", min_size=1, max_size=4), max_size=3))
def test_what_is_settled_is_never_taken_back(bytewise: Tokenizer, text: str, stop: list[str]) -> None:
    seen = write(bytewise, text, stop=tuple(stop))
    assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(seen))


def test_the_end_token_is_a_stop_and_no_text(bytewise: Tokenizer) -> None:
    sequence = Sequence([0], Sampling(10, 1.0, 1.0, seed=0))
    sequence.accept(END, bytewise, END)
    assert (sequence.text, sequence.finish_reason, sequence.token_ids) == ("", "stop", [END])


def test_the_end_token_can_be_ignored(bytewise: Tokenizer) -> None:
    sequence = Sequence([0], Sampling(2, 1.0, 1.0, seed=0, ignore_end=True))
    sequence.accept(END, bytewise, END)
    assert sequence.finish_reason is None
    sequence.accept(END, bytewise, END)
    assert sequence.finish_reason == "length"


def test_the_limit_is_a_length(bytewise: Tokenizer) -> None:
    assert write(bytewise, "abcdef", limit=4)[-1] == "abcd"


def test_a_character_shows_when_its_last_byte_is_there(bytewise: Tokenizer) -> None:
    assert write(bytewise, "é!")[:3] == ["", "é", "é!"]


def test_giving_up_keeps_a_finished_text_finished(bytewise: Tokenizer) -> None:
    sequence = Sequence([0], Sampling(1, 1.0, 1.0, seed=0))
    sequence.accept(bytewise.encode("a").ids[0], bytewise, END)
    sequence.abort()
    assert sequence.finish_reason == "length"
