"""The training loop against plain transformers + peft, and what it does when things go wrong."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from peft import PeftModel
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainerCallback, TrainingArguments

from services.trainer.batching.steps import OptimiserStep, plan_steps
from services.trainer.data.examples import Example
from services.trainer.data.rendering import render
from services.trainer.errors import ForeignCheckpoint, NonFiniteLoss, UnsuitableModel
from services.trainer.evaluation.losses import mean_loss
from services.trainer.loop import training
from services.trainer.loop.arguments import SCHEDULES, use_one_device
from services.trainer.models import loading
from services.trainer.operations.progress import Surroundings, TrainingProgress
from shared.contracts.training.settings import (
    LoraSettings,
    RenderingSettings,
    TrainingSettings,
)
from tests.unit.services.trainer import tiny


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.saved(tiny.llama(), tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="module")
def examples() -> Sequence[Example]:
    return render(tiny.stories(40), tiny.tokenizer(), RenderingSettings(), context_length=512).examples


def adapted(base: Path, **lora: Any) -> PeftModel:
    return loading.add_lora(loading.load_base(base), LoraSettings(**lora), seed=7)


def settings(**changes: Any) -> TrainingSettings:
    return TrainingSettings.model_validate(
        {"learning_rate": 5e-3, "rows_per_step": 4, "epochs": 2, **changes}
    )


def reference_curve(
    base: Path,
    examples: Sequence[Example],
    steps: Sequence[OptimiserStep],
    asked: TrainingSettings,
    model: Any = None,
) -> list[float]:
    """Losses of transformers' Trainer (+ peft): padded batches of the same rows in the same order."""
    losses: list[float] = []

    class Losses(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            if "grad_norm" in logs:
                losses.append(logs["loss"])

    class InOrder(Trainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
            return SequentialSampler(self.train_dataset)

    rows = [examples[index] for step in steps for index in step.rows]
    arguments = TrainingArguments(
        output_dir="unused",
        per_device_train_batch_size=asked.rows_per_step,
        num_train_epochs=1,
        learning_rate=asked.learning_rate,
        weight_decay=asked.weight_decay,
        lr_scheduler_type=SCHEDULES[asked.schedule],
        warmup_steps=asked.warmup_ratio,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=True,
        dataloader_pin_memory=False,
        label_names=["labels"],
    )
    InOrder(model or adapted(base), arguments, padded, rows, callbacks=[Losses()]).train()
    return losses


def padded(rows: Sequence[Example]) -> dict[str, torch.Tensor]:
    length = max(map(len, rows))
    ids = [[*row.ids, *[0] * (length - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (length - len(row)) for row in rows]
    labels = [[-100] * len(row.prompt) + list(row.completion) + [-100] * (length - len(row)) for row in rows]
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask),
        "labels": torch.tensor(labels),
    }


@pytest.mark.parametrize("batching", ["padded", "packed"])
def test_the_loss_curve_is_transformers_own(base: Path, examples: Sequence[Example], batching: str) -> None:
    """Same data, order and seed: equal to 1e-4 relative over 200 steps, warm-up and cosine included."""
    asked = settings(
        batching=batching, epochs=20, schedule="cosine", warmup_ratio=0.03, micro_batch_tokens=300
    )
    steps = plan_steps(examples, asked, seed=3)
    trained = training.train(adapted(base), examples, asked, steps=steps)
    ours = [point.loss for point in trained.curve]
    assert len(ours) == 200
    assert ours == pytest.approx(reference_curve(base, examples, steps, asked), rel=1e-4)
    assert ours[-1] < 0.9 * ours[0]


def test_sharing_changes_the_work_and_not_the_curve(base: Path) -> None:
    """The same order, shared and padded: the option fixes which rows meet, and then nothing else."""
    rows, contexts = tiny.questions(3, 5)
    render_settings = RenderingSettings()
    found = render(rows, tiny.tokenizer(), render_settings, context_length=512, contexts=contexts).examples
    shared = settings(batching="shared_prefix", rows_per_step=5)
    steps = plan_steps(found, shared, seed=1)
    with_sharing = training.train(adapted(base), found, shared, steps=steps)
    without = training.train(adapted(base), found, settings(batching="padded", rows_per_step=5), steps=steps)
    assert [p.loss for p in with_sharing.curve] == pytest.approx([p.loss for p in without.curve], rel=1e-4)
    assert with_sharing.computed_tokens < 0.5 * without.computed_tokens
    assert with_sharing.tokens == without.tokens


def test_full_training_and_pre_training_learn(base: Path, examples: Sequence[Example]) -> None:
    full = loading.load_base(base)
    before = [parameter.detach().clone() for parameter in full.parameters()]
    training.train(full, examples, settings(method="full", max_steps=2))
    assert all(not torch.equal(b, p) for b, p in zip(before, full.parameters(), strict=True))
    shape = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
    fresh = loading.fresh_model({**shape, "num_attention_heads": 2, "vocab_size": 400}, seed=0)
    trained = training.train(fresh, examples, settings(method="pretrain", loss_on="all"))
    assert trained.curve[-1].loss < trained.curve[0].loss < 7


@pytest.mark.parametrize("changes", [{"gradient_checkpointing": True}, {"micro_batch_tokens": 16}])
def test_how_it_is_computed_does_not_show(
    base: Path, examples: Sequence[Example], changes: dict[str, Any]
) -> None:
    plain = training.train(adapted(base), examples, settings(max_steps=6))
    other = training.train(adapted(base), examples, settings(max_steps=6, **changes))
    assert [p.loss for p in other.curve] == pytest.approx([p.loss for p in plain.curve], rel=1e-4)


def test_a_loss_that_is_not_finite_stops_with_its_step_and_rows(
    base: Path, examples: Sequence[Example]
) -> None:
    model = adapted(base)
    steps = [OptimiserStep(((0, 1),)), OptimiserStep(((2, 3),)), OptimiserStep(((4, 5),))]

    def poison(progress: TrainingProgress) -> None:
        if progress.step == 1:
            next(p for p in model.parameters() if p.requires_grad).data.fill_(float("nan"))

    with pytest.raises(NonFiniteLoss) as raised:
        training.train(model, examples, settings(), steps=steps, surroundings=Surroundings(progress=poison))
    assert (raised.value.step, raised.value.rows) == (2, ("story-2", "story-3"))


def test_progress_comes_with_every_step(base: Path, examples: Sequence[Example]) -> None:
    seen: list[TrainingProgress] = []
    trained = training.train(
        adapted(base), examples, settings(max_steps=5), surroundings=Surroundings(progress=seen.append)
    )
    assert [progress.step for progress in seen] == [1, 2, 3, 4, 5]
    assert all(progress.steps == 5 and progress.tokens_per_second > 0 for progress in seen)
    assert seen[-1].eta_seconds == 0
    assert seen[-1].tokens == trained.tokens


def test_it_stops_when_asked(base: Path, examples: Sequence[Example]) -> None:
    class Stop(Exception):
        pass

    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise Stop

    with pytest.raises(Stop):
        training.train(adapted(base), examples, settings(), surroundings=Surroundings(check=check))


class Kept:
    """Checkpoints kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, checkpoint: Path, step: int) -> None:
        shutil.copytree(checkpoint, self.folder / f"{step:04d}", dirs_exist_ok=True)
        for generators in (self.folder / f"{step:04d}").glob("rng_state*"):
            generators.unlink()  # of several processes only the first one's would be there

    def around(self, step: int | None, name: str = "request", *, saves: bool = True) -> Surroundings:
        """Resumed at a step; where it `saves`, its checkpoints take the place of earlier ones."""
        found = None if step is None else self.folder / f"{step:04d}"
        save = self.save if saves else lambda checkpoint, step: None
        return Surroundings(save_checkpoint=save, latest_checkpoint=lambda: found, fingerprint=name)


RESUMED = settings(checkpoint_seconds=0, early_stopping={"patience": 30, "every_steps": 3}, schedule="cosine")


@pytest.fixture(scope="module", params=[0.0, 0.2], ids=lambda dropout: f"dropout {dropout}")
def whole_run(
    request: pytest.FixtureRequest,
    base: Path,
    examples: Sequence[Example],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[float, Kept, PeftModel, training.Trained]:
    """Undisturbed, with a checkpoint of every step: (dropout, checkpoints, model, result)."""
    kept, model = Kept(tmp_path_factory.mktemp("checkpoints")), adapted(base, dropout=request.param)
    trained = training.train(
        model, examples, RESUMED, validation=examples[:4], surroundings=kept.around(None)
    )
    return request.param, kept, model, trained


@given(at=st.integers(1, 19))
@settings_of_hypothesis(max_examples=3, deadline=None)
def test_resuming_anywhere_ends_the_same(
    base: Path,
    examples: Sequence[Example],
    whole_run: tuple[float, Kept, PeftModel, training.Trained],
    at: int,
) -> None:
    """Weights, curve, schedule, dropout and early stopping go on as if nothing had happened."""
    lora_dropout, kept, whole, first = whole_run
    resumed = adapted(base, dropout=lora_dropout)
    second = training.train(
        resumed, examples, RESUMED, validation=examples[:4], surroundings=kept.around(at, saves=False)
    )
    assert second.curve[:at] == first.curve[:at]
    assert [p.loss for p in second.curve] == pytest.approx([p.loss for p in first.curve], rel=1e-5)
    assert (second.best_step, second.tokens) == (first.best_step, first.tokens)
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


def test_another_request_s_checkpoint_is_refused(
    base: Path, examples: Sequence[Example], tmp_path: Path
) -> None:
    kept = Kept(tmp_path)
    training.train(
        adapted(base), examples, settings(max_steps=3, checkpoint_seconds=0), surroundings=kept.around(None)
    )
    with pytest.raises(ForeignCheckpoint, match="belongs to training request, not another"):
        training.train(adapted(base), examples, settings(), surroundings=kept.around(2, "another"))


def test_early_stopping_keeps_the_best_weights(base: Path, examples: Sequence[Example]) -> None:
    model = adapted(base)
    wild = settings(
        learning_rate=0.5, epochs=20, schedule="constant", early_stopping={"patience": 2, "every_steps": 2}
    )
    trained = training.train(model, examples, wild, validation=examples[:6])
    checked = {p.step: p.validation_loss for p in trained.curve if p.validation_loss is not None}
    assert trained.stopped_early
    assert trained.steps < trained.planned_steps
    assert checked[trained.best_step] == min(checked.values())
    assert mean_loss(model, examples[:6], wild) == pytest.approx(checked[trained.best_step], rel=1e-4)


@pytest.mark.parametrize(("epochs", "max_steps"), [(3, None), (2.5, None), (3, 23)])
def test_the_validation_rows_are_scored_once_an_epoch(
    base: Path, examples: Sequence[Example], epochs: float, max_steps: int | None
) -> None:
    """And once at the end: an epoch is not the whole training, as it was taken to be."""
    asked = settings(epochs=epochs, max_steps=max_steps, early_stopping={})
    trained = training.train(adapted(base), examples, asked, validation=examples[:2])
    checked = [p.step for p in trained.curve if p.validation_loss is not None]
    assert checked == [10, 20, trained.planned_steps]


def test_a_training_that_stopped_early_leaves_no_checkpoint_of_its_end(
    base: Path, examples: Sequence[Example], tmp_path: Path
) -> None:
    """Taken up there, it would go on past where it stopped."""
    kept = Kept(tmp_path)
    stopping = {"patience": 1, "every_steps": 2}
    wild = settings(learning_rate=0.5, epochs=20, checkpoint_seconds=0, early_stopping=stopping)
    first = training.train(
        adapted(base), examples, wild, validation=examples[:6], surroundings=kept.around(None)
    )
    assert first.stopped_early
    last = max(int(folder.name) for folder in tmp_path.iterdir())
    assert last == first.steps - 1
    second = training.train(
        adapted(base), examples, wild, validation=examples[:6], surroundings=kept.around(last)
    )
    assert (second.steps, second.best_step, second.stopped_early) == (first.steps, first.best_step, True)


def test_full_fine_tuning_is_transformers_own(base: Path, examples: Sequence[Example]) -> None:
    asked = settings(method="full", learning_rate=1e-3, epochs=1)
    steps = plan_steps(examples, asked, seed=3)
    trained = training.train(loading.load_base(base), examples, asked, steps=steps)
    ours = [point.loss for point in trained.curve]
    assert ours == pytest.approx(
        reference_curve(base, examples, steps, asked, loading.load_base(base)), rel=1e-4
    )


def test_bf16_is_near_fp32(base: Path, examples: Sequence[Example]) -> None:
    """Full training under autocast, and LoRA on a base in bf16: on the CPU, as on a GPU that has it."""
    for method, half in (("full", torch.float32), ("lora", torch.bfloat16)):
        model: Any = loading.load_base(base, precision=half)
        plain: Any = loading.load_base(base)
        if method == "lora":
            model, plain = (loading.add_lora(one, LoraSettings(), seed=7) for one in (model, plain))
        asked = settings(method=method, learning_rate=1e-3, max_steps=4)
        found = training.train(model, examples, asked.model_copy(update={"precision": "bf16"}))
        expected = training.train(plain, examples, asked.model_copy(update={"precision": "fp32"}))
        losses = [point.loss for point in found.curve]
        assert losses == pytest.approx([point.loss for point in expected.curve], rel=0.02)
        assert losses != [point.loss for point in expected.curve]
        assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}


def test_a_process_trains_on_one_gpu(tmp_path: Path) -> None:
    """With more in sight the Trainer would wrap the model in DataParallel, which takes no steps of ours."""
    made = TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to="none")
    made._n_gpu = 4
    use_one_device(made)
    assert made.n_gpu == 1


def test_early_stopping_needs_rows_of_its_own(base: Path, examples: Sequence[Example]) -> None:
    with pytest.raises(UnsuitableModel, match="never done on the test set"):
        training.train(adapted(base), examples, settings(early_stopping={}))
