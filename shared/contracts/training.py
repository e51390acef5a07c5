"""Wire models of the trainer: settings of a training, of an evaluation and of a plan, and what each returns.

Configuration is data: every model refuses unknown fields, is frozen, and names in each default's comment
where the number comes from. W is "What Matters in LLM-generated Data" (arXiv 2506.19262), E is "Synthetic
Eggs in Many Baskets" (arXiv 2511.01490).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, JsonValue, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue

Method = Literal["lora", "full", "pretrain"]
Batching = Literal["padded", "packed", "shared_prefix"]
LaidOut = Annotated[
    Batching,
    Field(
        description="How the rows are laid out: padded where `packed` was asked for and the model's "
        "attention cannot be packed, which gives the same numbers."
    ),
]
OverLong = Literal["refuse", "drop", "window"]
LossOn = Literal["completion", "all"]
Schedule = Literal["linear", "cosine", "constant"]
Precision = Literal["auto", "fp32", "bf16"]
PresetName = Literal["W", "E", "C"]
ModelName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")]
TaskName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
ModuleName = Annotated[str, Field(min_length=1, max_length=100)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


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
    rest).
    """
    append_eos: bool = True
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
            if field not in getattr(self, name):
                raise ValueError(f"{name} must contain {field}")
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


PRESETS: dict[PresetName, TrainingSettings] = {
    "W": TrainingSettings(),
    "E": TrainingSettings(
        lora=LoraSettings(
            r=16,
            alpha=32,
            dropout=0.1,
            target_modules="all-linear",  # q, k, v, o, gate, up and down of a Llama; the like elsewhere
        ),
        rendering=RenderingSettings(max_length=1024, chat_template=True),
        learning_rate=5e-5,
        weight_decay=0.01,
        schedule="cosine",
        warmup_ratio=0.03,
        batching="padded",  # "no packing"
        early_stopping=EarlyStopping(patience=5),
    ),
    "C": TrainingSettings(method="full", learning_rate=2e-5),  # its supervised fine-tuning, 3 epochs
}
"""The papers' fine-tuning settings by name. What a paper leaves unsaid is the default of `TrainingSettings`.
E's `over_long` is unsaid: a row beyond 1024 tokens is refused unless the request says otherwise."""


class EvaluationSettings(Contract):
    """Test loss and perplexity of a model on rows."""

    rendering: RenderingSettings = RenderingSettings()
    loss_on: LossOn = "completion"
    batching: Batching = "packed"
    micro_batch_tokens: Annotated[int, Field(ge=16)] = 16384
    precision: Precision = "auto"


EVALUATION_PRESETS: dict[PresetName, EvaluationSettings] = {
    "W": EvaluationSettings(),
    # As its models are trained. The layout is ours: it changes no value.
    "E": EvaluationSettings(rendering=RenderingSettings(max_length=1024, chat_template=True)),
    "C": EvaluationSettings(),
}
"""The papers' evaluation settings by name: a model is tested on rows rendered as it was trained on them."""


class TrimmedPerplexity(Contract):
    """E's summary of per-response perplexities: mean over those inside the 1.5 IQR fences, and the median."""

    trimmed_mean: float
    median: float
    raw_mean: float
    outliers: int


class RowLoss(Contract):
    """One row's loss: `nll` is the sum of -ln p over its `tokens` predicted tokens, in nats."""

    row: str
    tokens: int
    nll: float

    @property
    def loss(self) -> float:
        """Mean -ln p per token, nats."""
        return self.nll / self.tokens


class EvaluationResult(Contract):
    """`loss` = Σ nll / Σ tokens over all rows (token-weighted, nats); `perplexity` = exp(loss)."""

    rows: int
    tokens: int
    loss: float
    perplexity: float
    per_response: TrimmedPerplexity
    batching: LaidOut
    rendering: RenderingCounts
    perplexity_gap: float | None = None
    benchmarks: dict[str, dict[str, float]] = {}
    """Task → metric → value, of the zero-shot benchmarks that were asked for."""


class RenderingCounts(Contract):
    """What became of the rows as tokens: `dropped` and `windowed` name those that did not fit."""

    rows: int
    tokens: int
    predicted_tokens: int
    longest: int
    dropped: tuple[str, ...] = ()
    windowed: tuple[str, ...] = ()


class CurvePoint(Contract):
    """One optimiser step: the token-weighted mean loss of its rows before the update, nats."""

    step: int
    loss: float
    learning_rate: float
    grad_norm: float
    tokens: int
    validation_loss: float | None = None


class TrainingResult(Contract):
    """What a finished training reports beside its weights."""

    steps: int
    planned_steps: int
    stopped_early: bool
    best_step: int | None
    final_loss: float
    tokens: int
    computed_tokens: int
    trainable_parameters: int
    parameters: int
    seconds: float
    batching: LaidOut
    rendering: RenderingCounts


class ContaminationSettings(Contract):
    """Which training rows count as copies of test rows, and what to do about them."""

    ngram: Annotated[int, Field(ge=1, le=50)] = 8
    """Words per n-gram; a shorter row is compared as a whole."""
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.8
    """A training row overlaps when at least this share of a test row's n-grams occurs in it."""
    allowed_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the test rows that may be overlapped before the request is refused."""
    action: Literal["refuse", "report"] = "refuse"


class ContaminationResult(Contract):
    """The overlap found: pairs of names, the training row first; at most the first hundred."""

    test_rows: int
    overlapped_test_rows: int
    pairs: tuple[tuple[str, str, float], ...] = ()


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` laid on `base`, table by table."""
    whole = dict(base)
    for key, value in over.items():
        known = whole.get(key)
        whole[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return whole


def _on_its_preset(data: dict[str, Any], presets: Mapping[PresetName, Contract]) -> dict[str, Any]:
    """A request's fields, its `settings` laid on those of the preset it names."""
    given = data.get("settings") or {}
    preset = next((settings for known, settings in presets.items() if known == data.get("preset", "W")), None)
    if preset is None or not isinstance(given, dict):
        return data
    return {**data, "settings": _merged(preset.model_dump(mode="json"), given)}


class TrainingRequest(JobRequest):
    """Fine-tune (or pre-train) a causal language model on a dataset.

    `settings` may be partial: what it leaves out comes from `preset`. The request is kept and digested with
    every setting written out, so a preset and its settings spelled out are the same training.
    """

    operation: ClassVar[str] = "train"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.MODEL
    queue: ClassVar[Queue] = Queue.TRAIN

    dataset: ArtifactId = Field(description="The rows to train on.")
    base: ModelName | None = Field(
        default=None, description="A model on the trainer's allow-list, by its name there."
    )
    base_model: ArtifactId | None = Field(
        default=None, description="Or a model artifact: a whole model, or an adapter whose training goes on."
    )
    architecture: dict[str, JsonValue] | None = Field(
        default=None,
        max_length=64,
        description="`method: pretrain` only: the config of the new model ({model_type, …}). `base` then "
        "names the "
        "model whose tokenizer is used.",
    )
    preset: PresetName = Field(default="W", description="The paper whose settings are the starting point.")
    settings: TrainingSettings = TrainingSettings()
    validation: ArtifactId | None = Field(
        default=None, description="Rows for early stopping; never the test set."
    )
    test: ArtifactId | None = Field(
        default=None, description="The test set, only to check that it was not copied."
    )
    contamination: ContaminationSettings = ContaminationSettings()
    seed: Seed = Field(
        default=0, description="Of the adapter's initial weights, the order of the rows and dropout."
    )

    @model_validator(mode="before")
    @classmethod
    def _settings_start_from_the_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict) or isinstance(data.get("settings"), TrainingSettings):
            return data
        return _on_its_preset(data, PRESETS)

    @model_validator(mode="after")
    def _one_base(self) -> TrainingRequest:
        if (self.base is None) == (self.base_model is None):
            raise ValueError("name exactly one of base and base_model")
        if (self.settings.method == "pretrain") != (self.architecture is not None):
            raise ValueError("method 'pretrain' needs an architecture, and the other methods take none")
        if self.settings.early_stopping is not None and self.validation is None:
            raise ValueError("early stopping needs validation rows: it is never done on the test set")
        if self.validation is not None and self.validation == self.test:
            raise ValueError(
                "validation and test are the same rows: a test set that stops the training tests nothing"
            )
        return self

    def inputs(self) -> dict[str, str]:
        roles = ("dataset", "base_model", "validation", "test")
        return {role: value for role in roles if (value := getattr(self, role)) is not None}

    def canonical(self) -> dict[str, Any]:
        """Without the preset's name: its settings are written out, and they are what counts."""
        return self.model_dump(mode="json", exclude={"preset"})


class EvaluationRequest(JobRequest):
    """Test loss and perplexity of a model on a dataset. Name a base, a trained model, or both (they must
    agree).
    """

    operation: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.EVALUATION
    queue: ClassVar[Queue] = Queue.TRAIN

    dataset: ArtifactId = Field(description="The rows to score, e.g. the held-out real test set.")
    base: ModelName | None = Field(default=None, description="A model on the trainer's allow-list, untuned.")
    model: ArtifactId | None = Field(
        default=None, description="A trained model; an adapter brings its base along."
    )
    compare: ModelName | ArtifactId | None = Field(
        default=None, description="A second model for the perplexity gap |PPL₁ - PPL₂| on the same rows."
    )
    benchmarks: tuple[TaskName, ...] = Field(
        default=(),
        max_length=50,
        description="Zero-shot tasks of lm-evaluation-harness, by their names in the trainer's task folder.",
    )
    preset: PresetName = Field(
        default="W",
        description="The paper whose settings are the starting point; a model trained with a preset is "
        "tested with the same.",
    )
    settings: EvaluationSettings = EvaluationSettings()

    @model_validator(mode="before")
    @classmethod
    def _settings_start_from_the_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict) or isinstance(data.get("settings"), EvaluationSettings):
            return data
        return _on_its_preset(data, EVALUATION_PRESETS)

    @model_validator(mode="after")
    def _a_model(self) -> EvaluationRequest:
        if self.base is None and self.model is None:
            raise ValueError("name a base, a trained model, or both")
        return self

    def canonical(self) -> dict[str, Any]:
        """Without the preset's name: its settings are written out, and they are what counts."""
        return self.model_dump(mode="json", exclude={"preset"})

    def inputs(self) -> dict[str, str]:
        found = {role: value for role in ("dataset", "model") if (value := getattr(self, role)) is not None}
        if self.compare is not None and self.compare.startswith("model-"):
            found["compare"] = self.compare
        return found


class Range(Contract):
    """An estimate with the interval we expect the truth in."""

    low: float
    expected: float
    high: float


class PlannedJob(Contract):
    """A training or an evaluation to be priced: exactly one of them."""

    training: TrainingRequest | None = None
    evaluation: EvaluationRequest | None = None

    @model_validator(mode="after")
    def _one_job(self) -> Self:
        if (self.training is None) == (self.evaluation is None):
            raise ValueError("name exactly one of training and evaluation")
        return self


class PlanRequest(PlannedJob):
    """The same with the project that holds its artifacts: the gateway fills it in, from the caller's key."""

    project: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Plan(Contract):
    """What a job would take, computed before anything runs."""

    rows: int
    tokens: int = Field(description="Tokens of all rows, over all epochs.")
    computed_tokens: int = Field(
        description="Positions the model computes for them, as the rows are laid out."
    )
    steps: int
    batching: LaidOut
    parameters: int
    trainable_parameters: int
    memory_bytes: Range = Field(description="Peak memory of the training process on its device.")
    memory_available: int = Field(description="Bytes the device has for it.")
    seconds: Range
    fits: bool
    advice: list[str] = Field(default=[], description="What would make it fit, or cheaper.")
    rendering: RenderingCounts


EvaluationResult.model_rebuild()
