"""The tokenizer encodes any text, and a chat is the completion of its last user message."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from standin.grammar import story
from standin.tokenization import END, PAD, train_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    rng = random.Random(0)
    return train_tokenizer((story(rng).body for _ in range(200)), vocabulary=400, context=512)


@given(text=st.text())
def test_any_text_survives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer(text, split_special_tokens=True)["input_ids"]
    assert tokenizer.decode(ids) == text


def test_nothing_is_added_to_a_prompt(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer("")["input_ids"] == []
    assert len(tokenizer) == 400
    assert tokenizer.eos_token == END
    assert tokenizer.pad_token == PAD


def test_a_chat_is_its_last_user_message(tokenizer: PreTrainedTokenizerFast) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "answer"},
        {"role": "user", "content": "Topic: x\nStory: "},
    ]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == "Topic: x\nStory: "
    assert tokenizer.apply_chat_template(turns[:1], tokenize=False) == ""
