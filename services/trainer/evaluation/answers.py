"""Answers that a model writes to the prompts of test rows: greedily, in batches, of bounded length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedTokenizerBase, StoppingCriteria, StoppingCriteriaList

from services.trainer.batching import layouts
from services.trainer.data.examples import Example
from services.trainer.data.rendering import Row, row_name
from services.trainer.errors import BadRow
from services.trainer.loop import loss
from services.trainer.models.loading import context_length, pad_id
from services.trainer.operations.progress import go_on

MOST_ROWS = 64
"""Of one pass, whatever fits: what has ended waits for the longest answer."""

Done = Callable[[int], None]


@dataclass(frozen=True)
class WrittenAnswer:
    """What the model wrote for a row; `ended` where it stopped by itself."""

    row: str
    text: str
    tokens: int
    ended: bool


def require_prompts(rows: Sequence[Row], examples: Sequence[Example]) -> None:
    """Raises BadRow for a row that gives nothing to answer: a plain text, an empty prompt, or a chat
    of which several turns are learned."""
    bare = [row_name(row, index) for index, row in enumerate(rows) if "text" in row]
    bare += [example.row for example in examples if not example.prompt]
    if bare:
        raise BadRow(
            bare[0], "has no prompt to be answered: task metrics need rows of kind `completion` or `qa`"
        )
    several = [example.row for example in examples if len(example.runs) > 1]
    if several:
        raise BadRow(
            several[0],
            "is a chat of several turns, and its last one is to be answered: set rendering.learn to 'last'",
        )


@torch.no_grad()
def write_answers(
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    *,
    max_new_tokens: int,
    pass_tokens: int,
    done: Done = lambda rows: None,
    check: Callable[[], None] = go_on,
) -> list[WrittenAnswer]:
    """One answer a row, in the order of the rows.

    A pass holds at most `pass_tokens`, answers included, and prompts of like length. `done` is told the rows
    answered so far; `check` is asked before every token and ends it by raising. Near the model's context
    length an answer ends there.
    """
    ends = _end_tokens(model, tokenizer)
    found: dict[int, WrittenAnswer] = {}
    with layouts.laid_out(model, "padded"), _plain_generation(model, ends, pad_id(tokenizer)):
        for indices in passes(examples, max_new_tokens, pass_tokens):
            chosen = [examples[index] for index in indices]
            written = _continue(model, chosen, max_new_tokens, pad_id(tokenizer), check)
            for index, ids in zip(indices, written, strict=True):
                found[index] = _answer(examples[index].row, ids, ends, tokenizer)
            done(len(found))
    return [found[index] for index in range(len(examples))]


def passes(examples: Sequence[Example], new: int, budget: int) -> Iterator[list[int]]:
    """Rows of each pass, by the length of their prompts."""
    current: list[int] = []
    for index in sorted(range(len(examples)), key=lambda place: len(examples[place].prompt)):
        wanted = (len(current) + 1) * (len(examples[index].prompt) + new)
        if current and (len(current) == MOST_ROWS or wanted > budget):
            yield current
            current = []
        current.append(index)
    if current:
        yield current


def _continue(
    model: Any, chosen: Sequence[Example], new: int, filling: int, check: Callable[[], None]
) -> list[list[int]]:
    """The new tokens of each row, without what fills up those that ended before the others."""
    longest = max(len(example.prompt) for example in chosen)
    limit = context_length(loss.base_of(model))
    room = new if limit is None else max(1, min(new, limit - longest))
    ids = torch.full((len(chosen), longest), filling, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for line, example in enumerate(chosen):
        ids[line, longest - len(example.prompt) :] = torch.tensor(example.prompt)
        mask[line, longest - len(example.prompt) :] = 1
    device = next(model.parameters()).device
    whole = model.generate(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        max_new_tokens=room,
        stopping_criteria=StoppingCriteriaList([_Checked(check)]),
    )
    written: list[list[int]] = whole[:, longest:].tolist()
    return written


def _answer(row: str, ids: list[int], ends: set[int], tokenizer: PreTrainedTokenizerBase) -> WrittenAnswer:
    place = next((number for number, token in enumerate(ids) if token in ends), None)
    kept = ids if place is None else ids[:place]
    text = str(tokenizer.decode(kept, skip_special_tokens=True)).strip()
    return WrittenAnswer(row, text, len(kept), ended=place is not None)


def _end_tokens(model: Any, tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokenizer's end of text, and those that the model's own settings name (ends of a turn)."""
    stated = getattr(loss.base_of(model).generation_config, "eos_token_id", None)
    listed = stated if isinstance(stated, list) else [stated]
    return {int(token) for token in [*listed, tokenizer.eos_token_id] if token is not None}


@contextmanager
def _plain_generation(model: Any, ends: set[int], filling: int) -> Iterator[None]:
    """Inside, the model's own ways of sampling (penalties, temperatures) are set aside: it says its likeliest
    token."""
    base = loss.base_of(model)
    before, was_training = base.generation_config, model.training
    base.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False, eos_token_id=sorted(ends) or None, pad_token_id=filling
    )
    model.eval()
    try:
        yield
    finally:
        base.generation_config = before
        model.train(was_training)


class _Checked(StoppingCriteria):
    """Asks, at every token, whether to go on."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        self._check()
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)
