"""Answers that are written in batches are those that the model writes alone, token by token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from services.trainer.data.examples import Example
from services.trainer.data.rendering import render
from services.trainer.errors import BadRow
from services.trainer.evaluation.answers import passes, require_prompts, write_answers
from services.trainer.models import loading
from shared.contracts.training.settings import LoraSettings, RenderingSettings
from tests.unit.services.trainer import tiny


def examples(count: int = 13) -> tuple[Example, ...]:
    return render(tiny.stories(count), tiny.tokenizer(), RenderingSettings(), context_length=512).examples


def adapted(base: Any) -> Any:
    """An adapter that says something."""
    model = loading.add_lora(base, LoraSettings(target_modules="all-linear"), seed=3)
    torch.manual_seed(5)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.1)
    return model


@torch.no_grad()
def one_by_one(model: Any, example: Example, new: int, ends: set[int]) -> list[int]:
    """The whole row through the model again for every token."""
    ids = list(example.prompt)
    for _ in range(new):
        token = int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax())
        if token in ends:
            break
        ids.append(token)
    return ids[len(example.prompt) :]


@pytest.mark.parametrize("make", [tiny.llama, tiny.gpt2])
@pytest.mark.parametrize("pass_tokens", [16, 400, 100_000])
def test_a_batch_writes_what_each_row_alone_would(make: Any, pass_tokens: int) -> None:
    model, tokenizer, rows = adapted(make()), tiny.tokenizer(), examples()
    model.eval()
    told: list[int] = []
    found = write_answers(model, tokenizer, rows, max_new_tokens=9, pass_tokens=pass_tokens, done=told.append)
    assert [answer.row for answer in found] == [example.row for example in rows]
    for answer, example in zip(found, rows, strict=True):
        expected = one_by_one(model, example, 9, {0})
        assert answer.text == tokenizer.decode(expected, skip_special_tokens=True).strip()
        assert answer.tokens == len(expected)
        assert answer.ended == (len(expected) < 9)
    assert told[-1] == len(rows)
    assert told == sorted(told)


def test_the_models_own_ways_of_sampling_are_set_aside_and_put_back() -> None:
    model, tokenizer, rows = adapted(tiny.llama()), tiny.tokenizer(), examples(4)
    plain = write_answers(model, tokenizer, rows, max_new_tokens=6, pass_tokens=1000)
    own = model.get_base_model().generation_config
    own.do_sample, own.temperature, own.repetition_penalty = True, 5.0, 3.0
    assert write_answers(model, tokenizer, rows, max_new_tokens=6, pass_tokens=1000) == plain
    assert model.get_base_model().generation_config is own


def test_an_answer_ends_at_the_models_context_length() -> None:
    model = tiny.llama(context=64)
    long = [Example("long", tuple(range(1, 61)), (1,))]
    found = write_answers(model, tiny.tokenizer(), long, max_new_tokens=50, pass_tokens=1000)
    assert found[0].tokens <= 4


def test_no_pass_holds_more_than_it_may() -> None:
    rows = examples(40)
    seen: list[int] = []
    for chosen in passes(rows, 10, 300):
        assert len(chosen) == 1 or len(chosen) * (max(len(rows[i].prompt) for i in chosen) + 10) <= 300
        seen += chosen
    assert sorted(seen) == list(range(40))


class Stopped(Exception):
    pass


def test_it_can_be_ended_between_two_tokens() -> None:
    asked = []

    def check() -> None:
        asked.append(1)
        if len(asked) == 3:
            raise Stopped

    with pytest.raises(Stopped):
        write_answers(
            tiny.llama(), tiny.tokenizer(), examples(3), max_new_tokens=20, pass_tokens=9999, check=check
        )


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([{"id": "t", "text": "A cat."}], [Example("t", (0,), (1, 2))]),
        ([{"id": "t", "context": "", "completion": "x"}], [Example("t", (), (1, 2))]),
    ],
)
def test_rows_without_a_prompt_are_refused_by_name(rows: Sequence[Any], found: Sequence[Example]) -> None:
    with pytest.raises(BadRow) as raised:
        require_prompts(rows, found)
    assert raised.value.row == "t"
