"""Chats are rendered as their template renders them, the assistant's words are what is learned, and what a
template does to a row is told."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

from services.trainer.batching import batches
from services.trainer.data.examples import Example
from services.trainer.data.rendering import Rendered, render
from services.trainer.errors import BadRow, EmptyRows, SpecialTokensInRows, UnsuitableModel
from shared.contracts.training.settings import RenderingSettings
from tests.unit.services.trainer import tiny
from tests.unit.services.trainer.data.families import ENDS, FAMILIES, SPECIAL, chatml, deepseek, template

MESSAGES = [
    {"role": "user", "content": "How cold was it?"},
    {"role": "assistant", "content": "It was so delightfully cold."},
    {"role": "user", "content": "Who said so?"},
    {"role": "assistant", "content": "The Snow Man."},
]


def coder(written: str | None = chatml(), *, eos: str | None = "</s>") -> PreTrainedTokenizerFast:
    """A copy of the tests' tokenizer with the special tokens of many families."""
    fresh = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tiny.tokenizer()._tokenizer.to_str()))
    fresh.add_special_tokens(
        {"additional_special_tokens": [AddedToken(token, special=True) for token in SPECIAL]}
    )
    fresh.eos_token, fresh.bos_token = eos, "<s>"
    fresh.chat_template = written
    return fresh


def chat(*messages: dict[str, Any], name: str = "x", **more: Any) -> dict[str, Any]:
    return {"id": name, "messages": list(messages), **more}


def rendered(
    rows: list[dict[str, Any]], tokenizer: PreTrainedTokenizerFast | None = None, **asked: Any
) -> Rendered:
    return render(rows, tokenizer or coder(), RenderingSettings(**asked), context_length=512)


def learned(example: Example, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    return [tokenizer.decode(list(example.ids[start:end])) for start, end in example.runs]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_a_chat_is_what_its_template_writes_and_the_assistant_s_turns_are_learned(family: str) -> None:
    tokenizer = coder(FAMILIES[family])
    (example,) = rendered([chat(*MESSAGES)], tokenizer).examples
    expected = tokenizer.apply_chat_template(MESSAGES, tokenize=True, return_dict=False)
    assert list(example.ids) == expected
    turns = learned(example, tokenizer)
    end = ENDS.get(family, "<|im_end|>")
    thought = "<think>\n\n</think>\n\n" if family == "Qwen3" else ""
    assert [turn.strip() for turn in turns] == [
        f"It was so delightfully cold.{' ' * (family == 'Llama 2')}{end}",
        f"{thought}The Snow Man.{' ' * (family == 'Llama 2')}{end}",
    ]
    assert all(turn.endswith(end) for turn in turns)


def test_a_template_s_own_marks_are_what_transformers_makes_of_them() -> None:
    tokenizer = coder(FAMILIES["marked"])
    (example,) = rendered([chat(*MESSAGES)], tokenizer).examples
    told = tokenizer.apply_chat_template(
        MESSAGES, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    assert [place for place, mark in enumerate(told["assistant_masks"]) if mark] == list(example.targets(1))


def test_the_last_turn_alone_is_learned_and_turns_of_weight_0_never() -> None:
    tokenizer = coder()
    last = rendered([chat(*MESSAGES)], tokenizer, learn="last").examples[0]
    assert learned(last, tokenizer) == ["The Snow Man.<|im_end|>"]
    quiet = [*MESSAGES[:3], MESSAGES[3] | {"weight": 0}]
    for learn in ("all", "last"):
        found = rendered([chat(*quiet)], tokenizer, learn=learn).examples[0]
        assert learned(found, tokenizer) == ["It was so delightfully cold.<|im_end|>"]


def test_chats_of_one_system_prompt_and_of_one_opening_share_it() -> None:
    system = {"role": "system", "content": "Answer as the Snow Man would."}
    rows = [
        chat(system, {"role": "user", "content": f"{n}?"}, MESSAGES[1], name=str(n)) for n in range(3)
    ] + [chat(*MESSAGES[:3], {"role": "assistant", "content": text}, name=text) for text in ("He", "She")]
    found = rendered(rows, learn="last").examples
    assert found[0].group == found[1].group == found[2].group != found[3].group == found[4].group
    assert found[3].shared == len(found[3].prompt)
    assert 0 < found[0].shared < len(found[0].prompt)


@pytest.mark.parametrize("loss_on", ["completion", "all"])
@pytest.mark.parametrize("batching", ["packed", "shared_prefix"])
def test_turns_are_learned_alike_however_they_are_laid_out(batching: Any, loss_on: Any) -> None:
    rows = [chat(*MESSAGES, name="a"), chat(*MESSAGES[:2], name="b"), chat(*MESSAGES, name="c")]
    examples = rendered(rows).examples
    alone = batches.build(examples, "padded", loss_on)
    together = batches.build(examples, batching, loss_on)
    for row, example in enumerate(examples):
        own = alone.targets[alone.owners == row].tolist()
        if loss_on == "completion":
            assert own == [example.ids[place] for place in example.targets(1)]
            assert together.targets[together.owners == row].tolist() == own
    assert together.predicted == alone.predicted


def test_what_the_template_leaves_out_or_changes_is_refused_with_the_message() -> None:
    row = {"id": "x", "context": "Who?", "completion": "The Snow Man."}
    for written in ("{{ messages[0]['content'] }}", chatml("{{ m['content'] | upper }}")):
        with pytest.raises((BadRow, UnsuitableModel)):
            rendered([row], coder(written), chat_template=True)
    without_system = chatml("{% if m['role'] != 'system' %}{{ m['content'] }}{% endif %}")
    with pytest.raises(BadRow, match="message 0"):
        rendered([chat({"role": "system", "content": "Be cold."}, *MESSAGES)], coder(without_system))


def test_a_template_that_wants_contents_in_parts_gets_them() -> None:
    tokenizer = coder(chatml("PARTS"))
    (example,) = rendered([chat(*MESSAGES)], tokenizer).examples
    assert example.ids == rendered([chat(*MESSAGES)]).examples[0].ids


THINKING = {"role": "assistant", "content": "<think>\nWho else?\n</think>\n\nThe Snow Man."}


def test_a_thought_that_the_template_drops_is_told() -> None:
    tokenizer = coder(FAMILIES["DeepSeek"])
    with pytest.raises(BadRow, match="thoughts"):
        rendered([chat(MESSAGES[0], THINKING)], tokenizer)
    dropped = rendered([chat(MESSAGES[0], THINKING)], tokenizer, thoughts="drop")
    assert learned(dropped.examples[0], tokenizer) == ["The Snow Man.</s>"]
    before = rendered([chat(MESSAGES[0], THINKING, *MESSAGES[2:])], tokenizer)
    assert before.counts.thoughts_left_out == 1


@pytest.mark.parametrize("beside", [False, True])
def test_a_model_whose_prompt_opens_a_thought_is_trained_in_its_own_form(beside: bool) -> None:
    tokenizer = coder(deepseek("<think>\n"))
    answer = THINKING if not beside else {**MESSAGES[3], "reasoning_content": "Who else?"}
    (example,) = rendered([chat(MESSAGES[0], answer)], tokenizer).examples
    assert tokenizer.decode(list(example.prompt)) == "<|user|>How cold was it?<|assistant|><think>\n"
    assert learned(example, tokenizer) == ["Who else?\n</think>\n\nThe Snow Man.</s>"]
    (plain,) = rendered([chat(MESSAGES[0], MESSAGES[3])], tokenizer).examples
    assert learned(plain, tokenizer) == ["\n</think>\n\nThe Snow Man.</s>"]


def test_an_end_is_added_where_the_template_has_none_and_its_lack_is_counted() -> None:
    bare = template("EACH", "ROLE", ": ", "SAYS", "\n", "END", "TURN", "assistant: ", "FI")
    tokenizer = coder(bare)
    found = rendered([chat(*MESSAGES)], tokenizer)
    assert learned(found.examples[0], tokenizer)[-1] == "The Snow Man.\n</s>"
    assert found.counts.endless == 0
    assert rendered([chat(*MESSAGES)], tokenizer, append_eos=False).counts.endless == 1
    assert rendered([chat(*MESSAGES)], coder(bare, eos=None)).counts.endless == 1
    plain = {"id": "x", "context": "Who?", "completion": "The Snow Man."}
    assert rendered([plain], coder(bare, eos=None)).counts.endless == 1
    assert rendered([plain], coder(bare)).counts.endless == 0


@pytest.mark.parametrize(
    "row",
    [
        chat(
            {"role": "user", "content": "What ends it?"}, {"role": "assistant", "content": "It is </s> here."}
        ),
        {"id": "x", "context": "</s>?", "completion": "It is </s> here."},
        {"id": "x", "text": "It is </s> here."},
    ],
)
def test_special_tokens_in_a_row_s_text_are_refused_or_split(row: dict[str, Any]) -> None:
    tokenizer = coder()
    with pytest.raises(SpecialTokensInRows, match="'</s>'"):
        rendered([row], tokenizer)
    found = rendered([row], tokenizer, special_tokens="split")
    (example,) = found.examples
    ending = tokenizer.eos_token_id
    assert sum(token == ending for token in example.ids) == (0 if "messages" in row else 1)
    assert "It is </s> here." in tokenizer.decode(list(example.ids))
    assert found.counts.split_special == 1


def test_rows_with_nothing_to_learn_are_named_together_or_dropped() -> None:
    rows = [{"id": str(n), "context": "c", "completion": " " if n % 3 == 0 else "He came."} for n in range(7)]
    with pytest.raises(EmptyRows) as raised:
        rendered(rows)
    assert raised.value.rows == ("0", "3", "6")
    found = rendered([*rows, chat(MESSAGES[0], name="y")], empty="drop")
    assert found.counts.empty == ("0", "3", "6", "y")
    assert found.counts.rows == 4


def test_variables_and_fields_that_no_template_has_are_refused_by_name() -> None:
    with pytest.raises(UnsuitableModel, match="enable_thinking"):
        rendered([chat(*MESSAGES)], template_variables={"enable_thinking": False})
    with pytest.raises(ValueError, match=r"\{input\}"):
        RenderingSettings(prompt_template="{context} {input}")
    own = "{{ greeting }}" + chatml()
    tokenizer = coder(None)
    found = rendered([chat(*MESSAGES)], tokenizer, template=own, template_variables={"greeting": "Hail."})
    assert tokenizer.decode(list(found.examples[0].prompt)).startswith("Hail.<|im_start|>user")


def test_tools_reach_the_template_unless_they_are_dropped() -> None:
    tokenizer = coder("{% if tools %}{{ tools[0]['function']['name'] }} {% endif %}" + chatml())
    row = chat(*MESSAGES, tools=[{"type": "function", "function": {"name": "weather", "parameters": {}}}])
    kept, dropped = (
        tokenizer.decode(list(rendered([row], tokenizer, tools=choice).examples[0].ids))
        for choice in ("keep", "drop")
    )
    assert kept == "weather " + dropped
