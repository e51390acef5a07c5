"""One batch through the bundled generator: each text is its own, whatever is written beside it."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM

from standin.pretrain import MODELS
from standin.server.engine import Engine
from standin.server.sequence import Sampling, Sequence

PROMPTS = ["Topic: chess\nStory: ", "Topic: a very long and winding topic indeed\nStory: ", "Topics:\n- "]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(MODELS / "generator")


def sequence(engine: Engine, prompt: str, seed: int = 1, **fields: object) -> Sequence:
    sampling = Sampling(**({"max_tokens": 40, "temperature": 1.0, "top_p": 1.0, "seed": seed} | fields))  # type: ignore[arg-type]
    return Sequence(engine.tokenizer(prompt)["input_ids"], sampling)


def write(engine: Engine, *rows: Sequence) -> list[Sequence]:
    engine.generate(list(rows), after_step=lambda _: None)
    return list(rows)


def test_a_batch_writes_what_each_row_would_write_alone(engine: Engine) -> None:
    def ask() -> list[Sequence]:
        mixed = [sequence(engine, prompt, seed) for prompt in PROMPTS for seed in (1, 2)]
        return [
            *mixed,
            sequence(engine, PROMPTS[0], temperature=0.0),
            sequence(engine, PROMPTS[1], top_p=0.6),
        ]

    together = [row.text for row in write(engine, *ask())]
    alone = [write(engine, row)[0].text for row in ask()]
    assert together == alone
    assert together[0] != together[1]


def test_rows_end_on_their_own(engine: Engine) -> None:
    short, stopped, story = write(
        engine,
        sequence(engine, PROMPTS[0], max_tokens=3),
        sequence(engine, PROMPTS[0], stop=(" ",)),
        sequence(engine, PROMPTS[0], max_tokens=250, temperature=0.0),
    )
    assert (len(short.token_ids), short.finish_reason) == (3, "length")
    assert stopped.finish_reason == "stop"
    assert " " not in stopped.text
    assert story.finish_reason == "stop"
    assert story.text.count(".") == 5


def test_an_aborted_row_is_left_at_once(engine: Engine) -> None:
    left, other = sequence(engine, PROMPTS[0]), sequence(engine, PROMPTS[0])
    left.abort()
    write(engine, left, other)
    assert left.token_ids == []
    assert len(other.token_ids) == 40


def test_logprobs_are_those_of_a_plain_forward_pass(engine: Engine) -> None:
    model = AutoModelForCausalLM.from_pretrained(MODELS / "generator", dtype=torch.float32)
    row, _ = write(
        engine, sequence(engine, PROMPTS[0], temperature=0.4, logprobs=3), sequence(engine, PROMPTS[1])
    )
    ids = torch.tensor([row.prompt_ids + row.token_ids])
    with torch.no_grad():
        exact = torch.log_softmax(model(ids).logits[0, len(row.prompt_ids) - 1 : -1], dim=-1)
    reported = torch.tensor([entry.logprob for entry in row.logprobs])
    assert torch.allclose(
        reported, exact.gather(1, torch.tensor(row.token_ids).unsqueeze(1))[:, 0], atol=1e-4
    )
    tops = torch.tensor([[value for _, value in entry.top] for entry in row.logprobs])
    assert torch.allclose(tops, exact.topk(3, dim=-1).values, atol=1e-4)


def test_the_revision_names_the_weights(engine: Engine) -> None:
    assert engine.revision == Engine(MODELS / "generator").revision
    assert engine.revision != Engine(MODELS / "base").revision
