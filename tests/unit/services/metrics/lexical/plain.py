"""All that a lexical pass found as plain values, to compare two of them to the last bit."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from services.metrics.lexical.measures.heaps import HeapsFit
from services.metrics.lexical.measures.lengths import Lengths
from services.metrics.lexical.measures.richness import RichnessState
from services.metrics.lexical.measures.vocabulary import Vocabulary
from services.metrics.lexical.runners.report import LexicalValues


def figures(found: LexicalValues) -> dict[str, Any]:
    """By dotted name, arrays as lists."""
    return dict(_flat("", found))


def _flat(name: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, np.ndarray):
        return [(name, value.tolist())]
    if isinstance(value, LexicalValues | HeapsFit | RichnessState | Lengths | Vocabulary):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, tuple):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        return [pair for key, one in value.items() for pair in _flat(f"{name}.{key}", one)]
    return [(name, value)]
