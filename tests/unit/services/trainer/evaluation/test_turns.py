"""The loss of a chat's turns is told turn by turn, and they add up to the row's."""

from __future__ import annotations

import pytest

from services.trainer.data.examples import Example
from services.trainer.evaluation.losses import evaluate
from services.trainer.evaluation.perplexity import turn_losses
from shared.contracts.training.settings import EvaluationSettings
from tests.unit.services.trainer import tiny

CHATS = [
    Example("two", (1, 2, 3), (4, 5, 6, 7, 8, 9), gaps=((5, 7), (8, 9)), is_chat=True),
    Example("one", (1, 2, 3), (4, 5), is_chat=True),
    Example("first", (), (4, 5, 6, 7), gaps=((2, 3),), is_chat=True),
]


@pytest.mark.parametrize("batching", ["padded", "packed", "shared_prefix"])
def test_turns_add_up_to_their_row(batching: str) -> None:
    settings = EvaluationSettings.model_validate({"batching": batching})
    rows = evaluate(tiny.llama(), CHATS, settings)
    assert [[tokens for tokens, _ in row.turns] for row in rows] == [[2, 1], [2], [1, 1]]
    for row in rows:
        assert sum(nll for _, nll in row.turns) == pytest.approx(row.nll)
        assert sum(tokens for tokens, _ in row.turns) == row.tokens
    first, second = turn_losses(rows)
    assert (first.turn, first.rows, first.tokens) == (1, 3, 5)
    assert (second.turn, second.rows, second.tokens) == (2, 2, 2)
    assert first.loss == pytest.approx(sum(row.turns[0][1] for row in rows) / 5)


def test_rows_that_are_no_chats_have_no_turns() -> None:
    rows = evaluate(tiny.llama(), [Example("r", (1, 2), (3, 4))], EvaluationSettings())
    assert rows[0].turns == ()
    assert turn_losses(rows) == []
