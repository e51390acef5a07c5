"""What is read of an answer, whatever its server, template or training put around it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.calls.call import Answer
from services.generator.sources.answer import Finish, Taken, finish_of, read, said, untitled

STORY = "Olive followed the teapot home. It was late, and nobody saw her."
THOUGHT = "Okay, the user wants a text. Maybe a kite."
PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="<>[]`~*_#◁▷:：|｜"), max_size=200).filter(
    lambda text: not text.lstrip().startswith(("analysis", "commentary"))
)


def heard(text: str, finish: str = "stop") -> Answer:
    return read(Answer(text, finish, 1, 1, "s"))


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\n{THOUGHT}\n</think>\n\n{STORY}",
        f"{THOUGHT}\n</think>\n\n{STORY}",
        f"<think>\n\n</think>\n\n{STORY}",
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{STORY}",
        f"analysis{THOUGHT}assistantfinal{STORY}",
        f"[THINK]{THOUGHT}[/THINK]{STORY}",
        f"◁think▷{THOUGHT}◁/think▷{STORY}",
        f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>{STORY}<|END_RESPONSE|>",
        f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|><|begin_of_solution|>{STORY}<|end_of_solution|>",
        f"<think>{THOUGHT}</think><answer>{STORY}</answer>",
        f"<Thinking>{THOUGHT}</Thinking>\n{STORY}<|eot_id|>",
        f"<think>{THOUGHT} <think> again</think>{STORY}",
        said(THOUGHT, STORY),
    ],
)
def test_a_thought_in_any_markup_is_cut_off(text: str) -> None:
    answer = heard(text)
    assert (answer.text, answer.finish_reason) == (STORY, "stop")
    assert Taken.THOUGHT in answer.taken
    assert answer.raw == text


@pytest.mark.parametrize(
    "text", [f"<think>\n{THOUGHT}", f"<|channel|>analysis<|message|>{THOUGHT}", said(THOUGHT, "")]
)
def test_a_thought_alone_is_no_answer(text: str) -> None:
    answer = heard(text)
    assert answer.text == ""
    assert answer.thought


def test_a_thought_without_an_end_is_a_cut() -> None:
    assert heard(f"<think>{THOUGHT}").finish_reason == Finish.LENGTH


@pytest.mark.parametrize(
    ("tail", "finish"),
    [
        ("<|im_end|>\n<|endoftext|>", "stop"),
        ("<|im_end|>\n<|im_start|>user\nThanks, now another one.<|im_end|>", "length"),
        ("<|eot_id|>", "stop"),
        ("</s>", "eos_token"),
        ("<end_of_turn>", "stop"),
        ("<｜end▁of▁sentence｜>", "stop"),
        (" [INST] And now? [/INST]", "length"),
        ("<|return|>", None),
    ],
)
def test_a_control_token_ends_an_answer(tail: str, finish: Any) -> None:
    answer = heard(STORY + tail, finish)
    assert (answer.text, answer.finish_reason, answer.taken) == (STORY, "stop", (Taken.CONTROL,))


@pytest.mark.parametrize(
    "head", ["<s>", "<|im_start|>assistant\n", "<|start_header_id|>assistant<|end_header_id|>\n\n", "<bos>"]
)
def test_what_a_template_puts_first_is_no_end(head: str) -> None:
    assert heard(head + STORY).text == STORY
    assert (
        heard(head + STORY, "length").finish_reason == Finish.LENGTH
    )  # what opens an answer does not end it


@pytest.mark.parametrize("fence", ["```", "```text", "~~~", "````markdown"])
def test_a_fence_around_the_whole_comes_off(fence: str) -> None:
    mark = fence.rstrip("abcdefghijklmnopqrstuvwxyz")
    answer = heard(f"{fence}\n{STORY}\n{mark}")
    assert (answer.text, answer.taken) == (STORY, (Taken.FENCE,))


@pytest.mark.parametrize(
    "text",
    [
        STORY,
        "```python\nprint(1)\n```",
        f"Like this:\n```\n{STORY}\n```",
        "```\na\n```\nand\n```\nb\n```",
        "He <s>struck it out</s> and did not, for 1 < 2 | 3 > 2",
        "Write `<think>` and `</think>` around it.",
        "*Once* upon __a__ time [1] `x`",
        "**Note:** it snowed.",
    ],
)
def test_what_a_text_may_hold_stays(text: str) -> None:
    assert heard(text).text == text
    assert heard(text).taken == ()


def test_bold_comes_off_the_labels_that_are_asked_for() -> None:
    answer = heard("**Question:** Who won?\n__Answer__: Kate, by **far**.")
    assert answer.text == "Question: Who won?\nAnswer: Kate, by **far**."
    assert answer.taken == (Taken.BOLD_LABEL,)


@pytest.mark.parametrize("title", ["**The Kite**", "# The Kite", "### The Kite ###"])
def test_a_title_comes_off_where_rows_have_none(title: str) -> None:
    answer = untitled(heard(f"{title}\n\n{STORY}"))
    assert (answer.text, answer.taken) == (STORY, (Taken.TITLE,))
    assert untitled(heard(STORY)).taken == ()


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", Finish.STOP), ("eos", Finish.STOP), ("end_turn", Finish.STOP), ("STOP", Finish.STOP),
        ("length", Finish.LENGTH), ("max_tokens", Finish.LENGTH), ("MAX_TOKENS", Finish.LENGTH),
        ("content_filter", Finish.CONTENT_FILTER), ("SAFETY", Finish.CONTENT_FILTER),
        ("tool_calls", Finish.TOOL_CALLS), ("function_call", Finish.TOOL_CALLS),
        (None, Finish.UNKNOWN), (0, Finish.UNKNOWN), (["stop"], Finish.UNKNOWN), ("new", Finish.UNKNOWN),
    ],
)  # fmt: skip
def test_finish_words_of_all_servers(word: Any, finish: Finish) -> None:
    assert finish_of(word) is finish


@given(PLAIN, PLAIN)
def test_the_answer_after_a_thought_is_the_answer(thought: str, text: str) -> None:
    assert heard(f"<think>{thought}</think>{text}").text == text.lstrip()
    assert heard(f"<think>{thought}</think>{text}").thought == thought.strip()


@given(PLAIN, st.text(max_size=80))
def test_nothing_after_a_control_token_is_read(text: str, tail: str) -> None:
    assert heard(f"{text}<|im_end|>{tail}").text.strip() == text.strip() or "think" in tail.lower()


@given(PLAIN)
def test_plain_text_is_left_alone(text: str) -> None:
    assert heard(text) == Answer(text, "stop", 1, 1, "s")


@given(st.text(st.sampled_from("<>|/think`[]INST s\n*_:Q#~"), max_size=60))
def test_any_text_can_be_read_and_reads_no_longer_than_it_was(text: str) -> None:
    answer = heard(text)
    assert len(answer.text) <= len(text)
    assert bool(answer.taken) == (answer.text != text) or Taken.THOUGHT in answer.taken
