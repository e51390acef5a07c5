"""What an instruct model of 135M parameters really answers, and learns: opt-in, about three minutes."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

from embedded.demo import INSTRUCTED, REAL_DATA, REAL_ITEM, REAL_TASK, REAL_TEST, WEAK
from embedded.probing import probe
from services.generator.strategies.echo import Echo
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance, LengthRule
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.contracts.training.settings import TrainingSettings
from shared.datasets import PROMPTS, REJECTS, Row, row_text
from shared.prompts import prompts_of
from standin.smollm2 import GGUF_SHA256, PROVENANCE, make
from tests.integration.real_model.conftest import NAME, Suite, loss_of

pytestmark = pytest.mark.real_model

TOPICS = 5
ROWS = 12
HUMAN_ROWS = 12
LEAST_ACCEPTED = 1 / 3
"""Of 85 candidates 42 made a row (docs/studies/real-model.md), with half the slack in their lengths."""


def human(path: Path, count: int) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()[:count]]


def test_the_package_becomes_a_model_as_any_other(real_model: Path) -> None:
    told = json.loads((real_model / PROVENANCE).read_text())
    assert told["gguf_sha256"] == GGUF_SHA256
    assert told["tokens_per_second"] > 1
    config = AutoConfig.from_pretrained(real_model)
    assert (config.model_type, config.hidden_size, config.num_hidden_layers) == ("llama", 576, 30)
    assert not hasattr(config, "quantization_config")
    with safe_open(real_model / "model.safetensors", framework="pt") as weights:
        kinds = {str(weights.get_slice(name).get_dtype()) for name in weights.keys()}  # noqa: SIM118
    assert kinds == {"BF16"}
    before = (real_model / "model.safetensors").stat().st_mtime_ns
    make(real_model)  # what is whole is left as it is
    assert (real_model / "model.safetensors").stat().st_mtime_ns == before


def test_its_turns_end_as_its_template_ends_them(real_model: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(real_model)
    turns = [{"role": "user", "content": "Hi."}]
    asked = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert asked.endswith("<|im_start|>user\nHi.<|im_end|>\n<|im_start|>assistant\n")
    assert tokenizer.eos_token == "<|im_end|>"


def test_its_server_is_asked_by_chat(served: str) -> None:
    assert probe(served, NAME) == "chat"


def test_its_rows_are_stories_of_its_own(suite: Suite) -> None:
    """Topics are topics; half of the candidates make a row or more, and no row repeats its prompt."""
    source = SourceRef(name=NAME)
    pool = suite.make(
        TopicsRequest(
            source=source,
            count=TOPICS,
            task=REAL_TASK,
            per_call=WEAK["pool_each"],
            shown=WEAK["pool_shown"],
            temperature=WEAK["pool_temperature"],
            top_p=WEAK["pool_top_p"],
            max_tokens=WEAK["pool_tokens"],
        )
    )
    topics = [row["topic"] for row in pool.rows("topics.jsonl")]
    assert len(topics) == TOPICS
    assert all(len(topic.split()) <= 12 and not topic.endswith(":") for topic in topics)
    real = suite.dataset(human(REAL_DATA, 100), DatasetKind.COMPLETION)
    made = suite.make(
        GenerationRequest(
            kind=DatasetKind.COMPLETION,
            sources=[source],
            task=REAL_TASK,
            item=REAL_ITEM,
            topics=pool.id,
            examples=real,
            examples_per_prompt=WEAK["examples"],
            sentences=INSTRUCTED["sentences"],
            rows=ROWS,
            temperature=INSTRUCTED["temperature"],
            top_p=WEAK["top_p"],
            max_tokens=WEAK["max_tokens"],
            acceptance=Acceptance(length=LengthRule.model_validate(WEAK["length"])),
        )
    )
    rows = list(made.rows("rows.jsonl"))
    tried = made.summary["candidates"]
    assert len(rows) == ROWS
    assert tried <= ROWS / LEAST_ACCEPTED, [row["detail"] for row in made.rows(REJECTS)]
    prompts = prompts_of([row["origin"]["prompt_hash"] for row in rows], lambda: made.rows(PROMPTS))
    for row in rows:
        text = row_text(DatasetKind.COMPLETION, row)
        given = [row["origin"]["topic"]]
        assert not Echo(8).of(prompts[row["origin"]["prompt_hash"]], given)(text)
        assert "sentences" not in text


def test_twelve_human_rows_lower_the_loss_and_their_adapter_answers(suite: Suite, served: str) -> None:
    rows = suite.dataset(human(REAL_DATA, HUMAN_ROWS), DatasetKind.COMPLETION)
    test = suite.dataset(human(REAL_TEST, HUMAN_ROWS), DatasetKind.COMPLETION)
    before = loss_of(suite, EvaluationRequest(dataset=test, base=NAME))
    settings = TrainingSettings(learning_rate=2e-3, epochs=3, rows_per_step=4)
    model = suite.make(TrainingRequest(dataset=rows, base=NAME, settings=settings, seed=1))
    after = loss_of(suite, EvaluationRequest(dataset=test, model=model.id))
    assert after < before - 0.02

    pool = suite.make(TopicsRequest(source=SourceRef(name=NAME), count=1, seeds=["a fox"], keep_seeds=True))
    request = GenerationRequest(
        kind=DatasetKind.TEXT,
        sources=[SourceRef(name=NAME)],
        topics=pool.id,
        rows=1,
        temperature=0,
        max_tokens=80,
        stop=["."],
        acceptance=Acceptance(chatter=False, echo_words=None),
    )
    tuned = request.model_copy(update={"sources": [SourceRef(name=NAME, adapter=model.id)]})
    answers = [
        [row["text"] for part in ("rows.jsonl", REJECTS) for row in suite.make(asked).rows(part)]
        for asked in (request, tuned)
    ]
    assert answers[0][0] != answers[1][0]
    listed = {served["id"] for served in httpx.get(f"{served}/models").json()["data"]}
    assert NAME in listed
