"""What decides a trained model, or a loss, besides the model and the rows."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contracts.base import Contract
from shared.contracts.contamination import HELD_SHARE, NGRAM_WORDS, HeldShare, NgramWords
from shared.contracts.fields import RowField, Seed
from shared.contracts.json_types import JsonObject
from shared.contracts.training.fields import (
    Batching,
    LossOn,
    Method,
    ModuleName,
    OverLong,
    Precision,
    Schedule,
)

_PLACE = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


class LoraSettings(Contract):
    """Low-rank adapters (Hu et al. 2021): W' = W + (alpha / r) B A, with A of shape [r, in] and B of [out,
    r].
    """

    r: Annotated[int, Field(ge=1, le=512)] = 8  # W
    alpha: Annotated[float, Field(gt=0)] = 16  # W
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0  # W does not say; 0 keeps sharing and bundling exact
    target_modules: (
        Annotated[tuple[ModuleName, ...], Field(min_length=1, max_length=64)]
        | Literal["default", "all-linear"]
    ) = "default"
    """Module names, `all-linear`, or `default`: peft's own choice for the architecture (W does not say)."""


class EarlyStopping(Contract):
    """Stop when the validation loss has not fallen for `patience` evaluations; the best weights are kept."""

    patience: Annotated[int, Field(ge=1)] = 5  # E
    every_steps: Annotated[int, Field(ge=1)] | None = None
    """Steps between evaluations on the validation rows; None is once an epoch."""


class RenderingSettings(Contract):
    """How a row becomes text for the model. `{context}` and `{question}` are the row's own fields.

    The papers print no template for fine-tuning; these are ours. A completion is tokenised apart from its
    prompt, so the border between what is given and what is learned never falls inside a token.
    """

    prompt_template: str = "{context}"
    """`completion` rows."""
    separator: str = " "
    """Between a prompt and its completion or answer; belongs to the completion's first token."""
    qa_context_template: str = "{context}\n\n"
    """`qa` rows: the part that all pairs of a context share."""
    qa_question_template: str = "Question: {question}\nAnswer:"
    chat_template: bool = False
    """Render with the tokenizer's own chat template instead (user turn: the prompt; assistant turn: the
    rest). `chat` rows always are.
    """
    template: Annotated[str, Field(min_length=1, max_length=100_000)] | None = None
    """A chat template of your own (Jinja, as tokenizers have it), in place of the tokenizer's."""
    template_variables: JsonObject = {}
    """Variables of the chat template: {"enable_thinking": false}."""
    learn: Literal["all", "last"] = "all"
    """`chat` rows: which of the assistant's turns are learned. Turns of weight 0 never are."""
    thoughts: Literal["keep", "drop"] = "keep"
    """What the assistant thought before it spoke (`reasoning_content`, or `<think>…</think>` before the
    answer). Where the template leaves it out of the last turn, `keep` refuses the row.
    """
    tools: Literal["keep", "drop"] = "keep"
    """Whether the template is told which tools a chat has."""
    special_tokens: Literal["refuse", "split"] = "refuse"
    """The tokenizer's special tokens, written out in a row's own text: refuse the rows and name them, or
    split them into tokens of plain text, so that they end or begin nothing.
    """
    empty: Literal["refuse", "drop"] = "refuse"
    """Rows with nothing to learn (a blank text, completion or answer; no assistant turn): refuse the request
    and name them, or drop and count them.
    """
    append_eos: bool = True
    """The end token behind what is learned; under a chat template, where the template itself ends the last
    turn with no special token."""
    max_length: Annotated[int, Field(ge=2)] | None = None
    """Tokens per row; None is the model's own context."""
    over_long: OverLong = "refuse"
    """Rows beyond `max_length`: refuse the request and name them; drop and count them; or window them (a
    `text` row becomes several, a prompt loses its oldest tokens, the context of `qa` its last ones), counted
    too.
    """

    @model_validator(mode="after")
    def _templates_carry_their_fields(self) -> RenderingSettings:
        for name, field in (
            ("prompt_template", "{context}"),
            ("qa_context_template", "{context}"),
            ("qa_question_template", "{question}"),
        ):
            written = getattr(self, name)
            if field not in written:
                raise ValueError(f"{name} must contain {field}")
            if unknown := sorted({f"{{{other}}}" for other in _PLACE.findall(written)} - {field}):
                raise ValueError(
                    f"{name} names {', '.join(unknown)}, and only {field} is put in: name other columns in "
                    "`columns` when the file is uploaded"
                )
        if self.chat_template and self.over_long == "window":
            raise ValueError(
                "a chat prompt cannot be windowed (its turns would break): use 'drop' or 'refuse'"
            )
        return self


class TrainingSettings(Contract):
    """Everything that decides a trained model besides its base and its rows."""

    method: Method = "lora"
    lora: LoraSettings = LoraSettings()
    rendering: RenderingSettings = RenderingSettings()
    epochs: Annotated[float, Field(gt=0, le=1000)] = 3  # W and E
    max_steps: Annotated[int, Field(ge=1)] | None = None
    """Stop after so many optimiser steps, whatever `epochs` says."""
    rows_per_step: Annotated[int, Field(ge=1)] = 8  # W and E do not say; transformers' default
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4  # W
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4  # W
    schedule: Schedule = "linear"  # W does not say; transformers' default
    warmup_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.0
    max_grad_norm: Annotated[float, Field(ge=0)] = 1.0  # transformers' default; 0 is no clipping
    loss_on: LossOn = "completion"
    loss_weights: RowField | None = None
    """The field of a row that says what it counts in the loss, a number above 0: `weight`, which mixtures
    with `loss_weight` write. A step's loss is then Σ weight · nll / Σ weight over its predicted tokens. All
    rows count alike where unset. Rows that say when to stop (`validation`) always do.
    """
    batching: Batching = "packed"
    """`padded` is the field's plain way; `packed` gives the same numbers without computing padding;
    `shared_prefix` keeps the pairs of one context in one step and computes the context once (the same numbers
    as that order padded).
    """
    micro_batch_tokens: Annotated[int, Field(ge=16)] = 16384
    """At most so many tokens in one forward pass (one row may exceed it); a step is accumulated over several.
    """
    model_dropout: bool = False
    """Keep the base model's own dropout while training (GPT-2 has 0.1). Off by default: W and E do not say,
    and with it a packed row no longer equals a padded one. Needs `batching: padded`.
    """
    gradient_checkpointing: bool = False
    precision: Precision = "auto"
    """`auto`: bf16 on a GPU that has it, fp32 otherwise."""
    early_stopping: EarlyStopping | None = None
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 60
    """At most so much work is lost with a killed worker."""

    @model_validator(mode="after")
    def _dropout_needs_padding(self) -> TrainingSettings:
        if self.model_dropout and self.batching != "padded":
            raise ValueError(
                "model_dropout needs batching 'padded': a shared forward pass has no such dropout"
            )
        return self


class EvaluationSettings(Contract):
    """Test loss and perplexity of a model on rows."""

    rendering: RenderingSettings = RenderingSettings()
    loss_on: LossOn = "completion"
    batching: Batching = "packed"
    micro_batch_tokens: Annotated[int, Field(ge=16)] = 16384
    precision: Precision = "auto"


class GradientSettings(Contract):
    """How the gradients of rows are compared."""

    side: Annotated[int, Field(ge=2, le=128)] = 32
    """Gradients are projected to side × side dimensions: 1,024 are what 2505.20161 takes."""
    rows: Annotated[int, Field(ge=1, le=100_000)] = 5000
    """At most so many rows, a seeded sample."""
    seed: Seed = 0


class ContaminationSettings(Contract):
    """Which training rows count as copies of test rows, and what to do about them."""

    ngram: NgramWords = NGRAM_WORDS
    """Words per n-gram; a shorter row is compared as a whole."""
    threshold: HeldShare = HELD_SHARE
    """A training row overlaps when at least this share of a test row's n-grams occurs in it."""
    allowed_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the test rows that may be overlapped before the request is refused."""
    action: Literal["refuse", "report"] = "refuse"
