"""The layouts that people's files have, and how each becomes one of our kinds, by the first row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.contracts.datasets import DatasetKind

_JOINED = "{instruction}\n\n{input}"


@dataclass(frozen=True)
class RowLayout:
    """`said`: its name for people. `needs`: the columns that tell it. `columns`: where ours are in it."""

    said: str
    needs: frozenset[str]
    columns: Mapping[str, str]


def _layout(said: str, *needs: str, **columns: str) -> RowLayout:
    return RowLayout(said, frozenset(needs), columns)


_PAIRS = (
    _layout("{context, completion}", "context", "completion", prompt="context", completion="completion"),
    _layout("{prompt, completion}", "prompt", "completion", prompt="prompt", completion="completion"),
    _layout("{prompt, response}", "prompt", "response", prompt="prompt", completion="response"),
    _layout("{question, answer}", "question", "answer", prompt="question", completion="answer"),
    _layout(
        "Alpaca's {instruction, input, output}",
        *("instruction", "input", "output"),
        prompt=_JOINED,
        completion="output",
    ),
    _layout("{instruction, output}", "instruction", "output", prompt="instruction", completion="output"),
    _layout(
        "{instruction, response}", "instruction", "response", prompt="instruction", completion="response"
    ),
)


def _as_completion(pair: RowLayout) -> RowLayout:
    """The same columns as a context and its completion."""
    columns = {"context": pair.columns["prompt"], "completion": pair.columns["completion"]}
    return RowLayout(pair.said, pair.needs, columns)


LAYOUTS: dict[DatasetKind, tuple[RowLayout, ...]] = {
    DatasetKind.CHAT: (
        _layout("OpenAI's messages", "messages"),
        _layout("ShareGPT's conversations", "conversations", messages="conversations"),
        _layout("ShareGPT's conversations", "conversation", messages="conversation"),
        *_PAIRS,
    ),
    DatasetKind.COMPLETION: (*(_as_completion(pair) for pair in _PAIRS if "question" not in pair.needs),),
    DatasetKind.QA: (_layout("{question, answer}", "question", "answer"),),
    DatasetKind.TEXT: (_layout("{text}", "text"),),
}


def layout_of(kind: DatasetKind, row: Mapping[str, Any]) -> RowLayout | None:
    """The first layout of the kind whose columns the row has."""
    return next((layout for layout in LAYOUTS[kind] if layout.needs <= row.keys()), None)


def kinds_of(row: Mapping[str, Any]) -> list[DatasetKind]:
    """The kinds that a row could be of, for a message to whoever chose another."""
    return [kind for kind in LAYOUTS if layout_of(kind, row) is not None]
