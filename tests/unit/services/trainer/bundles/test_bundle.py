"""Several adapters trained together end where each ends alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from peft import get_peft_model_state_dict

from services.trainer.bundles import bundle, members, stacking
from services.trainer.data.examples import Example
from services.trainer.data.rendering import render
from services.trainer.errors import ForeignCheckpoint, UnsuitableModel
from services.trainer.loop import training
from services.trainer.models import loading
from shared.contracts.training.settings import RenderingSettings, TrainingSettings
from tests.unit.services.trainer import tiny


def settings(**changes: object) -> TrainingSettings:
    wanted = {
        "learning_rate": 5e-3,
        "rows_per_step": 4,
        "epochs": 2,
        "schedule": "cosine",
        "warmup_ratio": 0.2,
    }
    return TrainingSettings.model_validate({**wanted, "lora": {"target_modules": "all-linear"}, **changes})


def data(which: int, count: int) -> tuple[Example, ...]:
    rows = tiny.stories(40)[which : which + count]
    return render(rows, tiny.tokenizer(), RenderingSettings(), context_length=512).examples


@pytest.mark.parametrize("make", [tiny.llama, tiny.gpt2])
@pytest.mark.parametrize("changes", [{}, {"micro_batch_tokens": 128, "loss_on": "all"}])
def test_every_adapter_ends_where_its_solo_run_ends(make: object, changes: dict[str, object]) -> None:
    """Different rows, seeds, lengths and numbers of steps; curves and weights equal the solo Trainer's."""
    asked = settings(**changes)
    sets = [data(0, 12), data(9, 8), data(20, 17)]
    base = quiet(make)
    trainings = [
        members.member(f"m{n}", rows, stacking.fresh_adapter(base, asked.lora, seed=n), asked, seed=n)
        for n, rows in enumerate(sets)
    ]
    together = bundle.train_bundle(base, trainings, asked)
    for n, (rows, one, result) in enumerate(zip(sets, trainings, together, strict=True)):
        model = loading.add_lora(quiet(make), asked.lora, seed=n)
        alone = training.train(model, rows, asked, seed=n)
        assert [p.loss for p in result.curve] == pytest.approx([p.loss for p in alone.curve], rel=1e-4)
        assert [p.learning_rate for p in result.curve] == pytest.approx(
            [p.learning_rate for p in alone.curve]
        )
        assert [p.grad_norm for p in result.curve] == pytest.approx(
            [p.grad_norm for p in alone.curve], rel=1e-3
        )
        assert (result.tokens, result.computed_tokens) == (alone.tokens, alone.computed_tokens)
        expected = get_peft_model_state_dict(model)
        assert one.weights is not None
        difference = sum(float((one.weights[k] - v).norm() ** 2) for k, v in expected.items()) ** 0.5
        assert difference < 1e-3 * sum(float(v.norm() ** 2) for v in expected.values()) ** 0.5


def quiet(make: object) -> object:
    model = make()  # type: ignore[operator]
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def test_the_base_is_left_as_it_was() -> None:
    base = tiny.llama()
    before = {name: tensor.clone() for name, tensor in base.state_dict().items()}
    asked = settings(max_steps=2)
    trainings = [
        members.member(str(n), data(n, 8), stacking.fresh_adapter(base, asked.lora, n), asked, n)
        for n in (0, 1)
    ]
    bundle.train_bundle(base, trainings, asked)
    after = base.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_member_s_weights_are_an_adapter_of_peft() -> None:
    base = tiny.llama()
    asked = settings(max_steps=3)
    one = members.member("one", data(0, 12), stacking.fresh_adapter(base, asked.lora, 0), asked, 0)
    bundle.train_bundle(base, [one], asked)
    assert one.weights is not None
    adapted = stacking.as_peft(base, asked.lora, one.weights)
    ids = torch.tensor([[1, 2, 3]])
    changed = adapted(ids).logits
    with adapted.disable_adapter():
        assert not torch.allclose(changed, adapted(ids).logits)


def test_a_member_that_diverges_leaves_and_the_others_go_on() -> None:
    base = tiny.llama()
    asked = settings()
    starts = [stacking.fresh_adapter(base, asked.lora, seed) for seed in (0, 1, 2)]
    starts[1] = {name: tensor * float("nan") for name, tensor in starts[1].items()}
    trainings = [members.member(f"m{n}", data(n, 8), start, asked, n) for n, start in enumerate(starts)]
    results = bundle.train_bundle(base, trainings, asked)
    assert trainings[1].error is not None
    assert trainings[1].error.step == 1
    assert set(trainings[1].error.rows) <= {example.row for example in data(1, 8)}
    assert (trainings[1].weights, results[1].steps) == (None, 0)
    again = [members.member(f"m{n}", data(n, 8), starts[n], asked, n) for n in (0, 2)]
    undisturbed = bundle.train_bundle(base, again, asked)
    for one, other in zip((results[0], results[2]), undisturbed, strict=True):
        assert [p.loss for p in one.curve] == pytest.approx([p.loss for p in other.curve], rel=1e-5)


class Kept:
    """Every state of every member, and a member that leaves after so many steps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, one: members.Member, state: members.MemberState) -> None:
        members.write_state(state, self.folder / f"{one.name}-{state.step}", one.name)

    def at(self, name: str, step: int) -> members.MemberState:
        return members.read_state(self.folder / f"{name}-{step}", name)


@given(at=st.integers(1, 5), alone=st.booleans())
@settings_of_hypothesis(max_examples=6, deadline=None)
def test_a_member_goes_on_from_any_step_in_any_bundle(at: int, alone: bool) -> None:
    asked = settings(checkpoint_seconds=0)
    base = tiny.llama()

    def made(n: int) -> members.Member:
        start = stacking.fresh_adapter(base, asked.lora, n)
        return members.member(f"m{n}", data(5 * n, 12), start, asked, n)

    with tempfile.TemporaryDirectory() as folder:
        kept = Kept(Path(folder))
        whole = [made(n) for n in range(3)]
        bundle.train_bundle(base, whole, asked, keep=kept.keep)
        again = [made(n) for n in ([0] if alone else [2, 0])]
        for one in again:
            one.restore(kept.at(one.name, at))
        results = bundle.train_bundle(base, again, asked)
        with pytest.raises(ForeignCheckpoint):
            members.read_state(kept.folder / "m0-1", "m1")
    for one, result in zip(again, results, strict=True):
        before = next(other for other in whole if other.name == one.name)
        assert [p.loss for p in result.curve] == pytest.approx([p.loss for p in before.curve], rel=1e-5)
        assert (one.tokens, one.computed_tokens) == (before.tokens, before.computed_tokens)
        assert one.weights is not None
        assert before.weights is not None
        for name, tensor in before.weights.items():
            torch.testing.assert_close(one.weights[name], tensor, rtol=1e-4, atol=1e-6)


def test_a_member_that_is_no_longer_wanted_leaves() -> None:
    asked = settings()
    base = tiny.llama()
    trainings = [
        members.member(f"m{n}", data(n, 8), stacking.fresh_adapter(base, asked.lora, n), asked, n)
        for n in range(2)
    ]
    trainings[0].wanted = lambda: len(trainings[0].curve) < 2
    results = bundle.train_bundle(base, trainings, asked)
    assert [result.steps for result in results] == [2, 4]
    assert (trainings[0].weights is None, trainings[1].weights is None) == (True, False)


def test_dropout_and_early_stopping_are_refused() -> None:
    base = tiny.llama()
    asked = settings(lora={"dropout": 0.1})
    one = members.member("one", data(0, 4), stacking.fresh_adapter(base, asked.lora, 0), asked, 0)
    with pytest.raises(UnsuitableModel, match="dropout"):
        bundle.train_bundle(base, [one], asked)
    with pytest.raises(UnsuitableModel, match="early stopping"):
        bundle.train_bundle(base, [one], settings(early_stopping={}))
