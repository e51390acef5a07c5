"""Sentences end where a reader ends them, in time proportional to their length."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.sentences import sentence_starts, sentences
from tests.unit.shared.text.scripts import texts


@pytest.mark.parametrize(
    "parted",
    [
        "Mr. Fox met Dr. Goose at 5 p.m. | They ate. | Then they slept!",
        "Mr. Fox met Dr. J. Goose. | They talked.",
        "The U.S. Army came. | It was I. | So what?",
        '"Go away! Now!" said the goose. | The fox went.',
        "“Who is there?” asked Ann. | “It is I. Open.”",
        'A 5" pipe broke. | He fixed it. | All was well.',
        "It cost 3.50 and was gone.",
        "Did he come? | No. | He stayed at home, at No. 5.",
        "One… | Two?! | Three.",
        "Он пришёл. | Она ушла. | Élan? | Él vino. | ¿Y?",
        "小狐狸很饿。|它看见了一只鹅！|鹅是一个人吗？",
        "妈妈说：“快走。不要回头！”|小明跑了。",
        "「行こう。」と彼は言った。|『はい。』|彼女は立った。",
        "真的吗?|他走了。",
        "मैं घर गया। | वह आया।",
        "ذهب إلى البيت. | ثم نام؟ | نعم.",
        "ሰላም። | እንዴት ነህ?",
        "មនុស្សកើតមក។ | គាត់ទៅផ្ទះ។",
        "သူ အိမ်ပြန်သွားသည်။ | မိုးရွာသည်။",
        "all of it is small. | so is this. | e.g. a cat.",
        "It is e.g. this. iPhones are not. | No?",
    ],
)
def test_sentences_end_where_a_reader_ends_them(parted: str) -> None:
    """At each bar."""
    expected = [piece.strip() for piece in parted.split("|")]
    assert sentences(parted.replace(" | ", " ").replace("|", "")) == expected


def test_nothing_has_no_sentences() -> None:
    assert sentences("") == sentences(" \n") == []


@given(st.lists(st.sampled_from(["The fox ran.", "Who came?", "It snowed!", "She said so."]), max_size=8))
def test_sentences_put_together_are_taken_apart_again(pieces: list[str]) -> None:
    assert sentences(" ".join(pieces)) == pieces


@given(texts)
def test_nothing_is_lost(text: str) -> None:
    starts = sentence_starts(text)
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("piece", ["A. ", '"A. ', "。", '! "', "」。", "?! ", "“", " ", ".'", "Mr. "])
def test_a_hostile_text_takes_time_in_proportion(piece: str) -> None:
    """A pattern that backtracks, or a sentence read again at each of its ends, would not come back from
    this."""
    began = time.process_time()
    sentences(piece * 200_000 + "x")
    assert time.process_time() - began < 30
