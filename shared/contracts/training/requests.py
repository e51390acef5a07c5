"""The requests for a training and for an evaluation."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, JsonValue, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, JobRequest, Queue
from shared.contracts.fields import Seed
from shared.contracts.json_types import JsonObject
from shared.contracts.training.fields import ModelName, PresetName, TaskName
from shared.contracts.training.held_out import SHORT_FORM, AnswerScoring, HeldOutSet, TestSets
from shared.contracts.training.presets import EVALUATION_PRESETS, PRESETS, on_its_preset
from shared.contracts.training.results import EvaluationSummary, TrainingSummary
from shared.contracts.training.settings import (
    ContaminationSettings,
    EvaluationSettings,
    GradientSettings,
    TrainingSettings,
)


class TrainingRequest(JobRequest):
    """Fine-tune (or pre-train) a causal language model on a dataset.

    `settings` may be partial: what it leaves out comes from `preset`. The request is kept and digested with
    every setting written out, so a preset and its settings spelled out are the same training.
    """

    operation: ClassVar[str] = "train"
    version: ClassVar[int] = 3
    produces: ClassVar[ArtifactKind] = ArtifactKind.MODEL
    queue: ClassVar[Queue] = Queue.TRAIN
    result: ClassVar[type[TrainingSummary]] = TrainingSummary

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
        return on_its_preset(data, PRESETS)

    @model_validator(mode="after")
    def _one_base(self) -> TrainingRequest:
        if (self.base is None) == (self.base_model is None):
            raise ValueError("name exactly one of base and base_model")
        if (self.settings.method == "pretrain") != (self.architecture is not None):
            raise ValueError("method 'pretrain' needs an architecture, and the other methods take none")
        if self.settings.early_stopping is not None and self.validation is None:
            raise ValueError("early stopping needs validation rows: it is never done on the test set")
        if self.validation is not None and self.validation == self.dataset:
            raise ValueError(
                "validation and dataset are the same rows: what is trained on cannot say when to stop"
            )
        if self.validation is not None and self.validation == self.test:
            raise ValueError(
                "validation and test are the same rows: a test set that stops the training tests nothing"
            )
        return self

    def input_artifacts(self) -> dict[str, str]:
        roles = ("dataset", "base_model", "validation", "test")
        return {role: value for role in roles if (value := getattr(self, role)) is not None}

    def canonical(self) -> JsonObject:
        """Without the preset's name: its settings are written out, and they are what counts. Weights that
        are not asked for stay out, so that a training is what it was before there were any."""
        unasked = {"settings": {"loss_weights"}} if self.settings.loss_weights is None else {}
        return self.model_dump(mode="json", exclude={"preset": True, **unasked})


class EvaluationRequest(JobRequest):
    """Test loss and perplexity of a model on a dataset, or on several test sets. Name a base, a trained
    model, or both (they must agree).
    """

    operation: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 2
    produces: ClassVar[ArtifactKind] = ArtifactKind.EVALUATION
    queue: ClassVar[Queue] = Queue.TRAIN
    result: ClassVar[type[EvaluationSummary]] = EvaluationSummary

    dataset: ArtifactId | None = Field(
        default=None, description="The rows to score, e.g. the held-out real test set."
    )
    tests: TestSets | None = Field(
        default=None,
        description="Or several test sets, by name: the model is loaded once for all. The figures of the "
        "first that is to `improve` are the evaluation's own.",
    )
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
    gradients: GradientSettings | None = Field(
        default=None,
        description="Also measure the gradient diversity (G-Vendi) of the rows under this model: name the "
        "generated rows as `dataset` and a small `base`.",
    )
    preset: PresetName = Field(
        default="W",
        description="The paper whose settings are the starting point; a model trained with a preset is "
        "tested with the same.",
    )
    settings: EvaluationSettings = EvaluationSettings()
    answers: AnswerScoring | None = Field(
        default=None,
        description="Task metrics beside the loss, of answers that the model writes to the rows' prompts; "
        "`completion` and `qa` rows only.",
    )

    @model_validator(mode="before")
    @classmethod
    def _settings_start_from_the_preset(cls, data: Any) -> Any:
        if not isinstance(data, dict) or isinstance(data.get("settings"), EvaluationSettings):
            return data
        return on_its_preset(data, EVALUATION_PRESETS)

    @model_validator(mode="after")
    def _a_model(self) -> EvaluationRequest:
        if self.base is None and self.model is None:
            raise ValueError("name a base, a trained model, or both")
        return self

    @model_validator(mode="after")
    def _rows_to_score(self) -> EvaluationRequest:
        if (self.dataset is None) == (self.tests is None):
            raise ValueError("name exactly one of dataset and tests")
        if self.tests is not None and all(test.role == "keep" for test in self.tests.values()):
            raise ValueError("no test set is to improve: give one of them that role")
        return self

    @property
    def held_out(self) -> dict[str, HeldOutSet]:
        """The test sets by name, the one whose figures are the evaluation's own first."""
        if self.tests is None:
            return {SHORT_FORM: HeldOutSet(dataset=str(self.dataset))}
        first = next(name for name, test in self.tests.items() if test.role == "improve")
        return {first: self.tests[first]} | self.tests

    def canonical(self) -> JsonObject:
        """Without the preset's name: its settings are written out, and they are what counts. Fields that are
        younger than the first evaluations stay out where they are not used, so that those are what they were.
        """
        unused = {
            name for name in ("dataset", "tests", "answers", "gradients") if getattr(self, name) is None
        }
        return self.model_dump(mode="json", exclude={"preset", *unused})

    def input_artifacts(self) -> dict[str, str]:
        found = {role: value for role in ("dataset", "model") if (value := getattr(self, role)) is not None}
        found |= {f"tests/{name}/dataset": test.dataset for name, test in (self.tests or {}).items()}
        if self.compare is not None and self.compare.startswith("model-"):
            found["compare"] = self.compare
        return found
