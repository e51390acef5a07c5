"""What strategies read of a job's input artifacts, as plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from services.generator.strategies.common import Example
from shared.contracts.datasets import DatasetKind
from shared.datasets import Row, row_text


@dataclass(frozen=True)
class Inputs:
    """`examples` are the real rows with their whole `text`; `contexts` id → text (`qa`); `prompts` the
    rows to be answered, with `prompt_contexts`; `held_out` the texts that no row may repeat."""

    topics: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    contexts: Mapping[str, str] = field(default_factory=dict)
    prompts: list[Row] = field(default_factory=list)
    prompts_kind: DatasetKind = DatasetKind.TEXT
    prompt_contexts: Mapping[str, str] = field(default_factory=dict)
    held_out: list[str] = field(default_factory=list)


def as_examples(kind: DatasetKind, rows: Iterable[Row]) -> list[Example]:
    """Rows as templates see them: their columns, and `text`, the whole of what is measured."""
    return [
        {**{k: v for k, v in row.items() if isinstance(v, str)}, "text": row_text(kind, row)} for row in rows
    ]
