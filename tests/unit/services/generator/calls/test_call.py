"""The key of a call: what makes two calls the same, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.calls.call import KEY_BYTES, Call, Message, Model, Params

CALL = Call(Model("m", "r1"), "Once", Params(), 7)


@pytest.mark.parametrize(
    "other",
    [
        replace(CALL, model=Model("m", "r2")),
        replace(CALL, model=Model("n", "r1")),
        replace(CALL, prompt="Once "),
        replace(CALL, prompt=(Message("user", "Once"),)),
        replace(CALL, seed=8),
        replace(CALL, params=Params(temperature=0.8)),
        replace(CALL, params=Params(top_p=0.9)),
        replace(CALL, params=Params(max_tokens=511)),
        replace(CALL, params=Params(stop=("\n",))),
        replace(CALL, params=Params(logprobs=5)),
        replace(CALL, params=Params(schema="{}")),
    ],
)
def test_whatever_may_change_the_answer_changes_the_key(other: Call) -> None:
    assert other.key() != CALL.key()


def test_where_it_is_sent_does_not() -> None:
    assert replace(CALL, prefix="context 9").key() == CALL.key()
    assert len(CALL.key()) == KEY_BYTES


@given(st.text(), st.text(), st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1))
def test_prompts_and_seeds_cannot_be_taken_for_each_other(a: str, b: str, s: int, t: int) -> None:
    same = (a, s) == (b, t)
    assert (replace(CALL, prompt=a, seed=s).key() == replace(CALL, prompt=b, seed=t).key()) == same


@given(st.lists(st.tuples(st.sampled_from(["system", "user"]), st.text()), max_size=4), st.text())
def test_messages_are_kept_apart(messages: list[tuple[str, str]], text: str) -> None:
    one = replace(CALL, prompt=tuple(Message(role, content) for role, content in messages))
    other = replace(CALL, prompt=(*one.prompt, Message("user", text)))  # type: ignore[misc]
    assert one.key() != other.key()


def test_keys_are_the_same_in_every_process_and_version() -> None:
    """A changed key would silently pay for everything again: raise the operations' versions with it."""
    assert CALL.key().hex() == "045da7a1295860d9e1ff8d266fb49233"
