"""Which rows may be computed together, and which are too long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from services.trainer.data.examples import Example, Ids
from services.trainer.data.windows import window_all
from services.trainer.errors import OverLongRows
from shared.contracts.training.settings import RenderingSettings


def grouped(examples: Sequence[Example]) -> list[Example]:
    """Chats that are the same up to what is learned as one group; others by their system prompt."""
    openings = Counter(example.prompt for example in examples if example.is_chat)
    names: dict[Ids, str] = {}
    return [
        replace(example, group=f"opening {names.setdefault(example.prompt, str(len(names)))}")
        if example.is_chat and openings[example.prompt] > 1
        else example
        for example in examples
    ]


def fit(
    examples: Sequence[Example], limit: int | None, settings: RenderingSettings, lead: Ids
) -> tuple[list[Example], tuple[str, ...], tuple[str, ...]]:
    """The examples that fit, and the names of the dropped and of the windowed ones."""
    over = [example for example in examples if limit is not None and len(example) > limit]
    if not over or limit is None:
        return _share(examples), (), ()
    names = tuple(example.row for example in over)
    if settings.over_long == "refuse":
        raise OverLongRows(names, max(map(len, over)), limit)
    if settings.over_long == "drop":
        return _share([example for example in examples if len(example) <= limit]), names, ()
    windowed = _share(window_all(examples, limit, lead))
    whole = {example.row: len(example) for example in examples}
    return windowed, (), tuple(dict.fromkeys(e.row for e in windowed if whole.get(e.row) != len(e)))


def _share(examples: Iterable[Example]) -> list[Example]:
    """Rows of one context with `shared` set to the prompt tokens they all start with (chat templates wrap
    them).
    """
    examples = list(examples)
    common: dict[str, Ids] = {}
    for example in examples:
        if example.group is not None:
            known = common.get(example.group)
            common[example.group] = example.prompt if known is None else _common_start(known, example.prompt)
    return [
        example if example.group is None else replace(example, shared=len(common[example.group]))
        for example in examples
    ]


def _common_start(one: Ids, other: Ids) -> Ids:
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return one[:length]
    return one[: next(index for index in range(length) if one[index] != other[index])]
