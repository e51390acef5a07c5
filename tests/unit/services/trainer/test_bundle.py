"""Several adapters trained together end where each ends alone."""

from __future__ import annotations

import pytest
import torch
from peft import get_peft_model_state_dict

from services.trainer import bundle, models, stacking, training
from services.trainer.errors import NonFiniteLoss, UnsuitableModel
from services.trainer.rendering import Example, render
from shared.contracts.training import RenderingSettings, TrainingSettings
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
    members = [
        bundle.member(f"m{n}", rows, stacking.fresh_adapter(base, asked.lora, seed=n), asked, seed=n)
        for n, rows in enumerate(sets)
    ]
    together = bundle.train_bundle(base, members, asked)
    for n, (rows, one, result) in enumerate(zip(sets, members, together, strict=True)):
        model = models.add_lora(quiet(make), asked.lora, seed=n)
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
    members = [
        bundle.member(str(n), data(n, 8), stacking.fresh_adapter(base, asked.lora, n), asked, n)
        for n in (0, 1)
    ]
    bundle.train_bundle(base, members, asked)
    after = base.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_a_member_s_weights_are_an_adapter_of_peft() -> None:
    base = tiny.llama()
    asked = settings(max_steps=3)
    one = bundle.member("one", data(0, 12), stacking.fresh_adapter(base, asked.lora, 0), asked, 0)
    bundle.train_bundle(base, [one], asked)
    assert one.weights is not None
    adapted = stacking.as_peft(base, asked.lora, one.weights)
    ids = torch.tensor([[1, 2, 3]])
    changed = adapted(ids).logits
    with adapted.disable_adapter():
        assert not torch.allclose(changed, adapted(ids).logits)


def test_a_member_that_diverges_is_named_with_its_rows() -> None:
    base = tiny.llama()
    asked = settings()
    starts = [stacking.fresh_adapter(base, asked.lora, seed) for seed in (0, 1)]
    starts[1] = {name: tensor * float("nan") for name, tensor in starts[1].items()}
    members = [bundle.member(f"m{n}", data(n, 8), start, asked, n) for n, start in enumerate(starts)]
    with pytest.raises(NonFiniteLoss) as raised:
        bundle.train_bundle(base, members, asked)
    assert raised.value.step == 1
    assert all(row.startswith("m1: story-") for row in raised.value.rows)


def test_dropout_and_early_stopping_are_refused() -> None:
    base = tiny.llama()
    asked = settings(lora={"dropout": 0.1})
    one = bundle.member("one", data(0, 4), stacking.fresh_adapter(base, asked.lora, 0), asked, 0)
    with pytest.raises(UnsuitableModel, match="dropout"):
        bundle.train_bundle(base, [one], asked)
    with pytest.raises(UnsuitableModel, match="early stopping"):
        bundle.train_bundle(base, [one], settings(early_stopping={}))
