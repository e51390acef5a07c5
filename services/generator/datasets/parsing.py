"""From an answer to a row of the request's kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.generator.strategies.parse import (
    completion_row,
    pair_row,
    text_row,
)
from services.generator.strategies.structured_pairs import (
    structured_pair,
)
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.request import GenerationRequest


def row_parser(request: GenerationRequest, shape: tuple[int, int]) -> Callable[[str, str], dict[str, Any]]:
    """(answer, context id) → row of the request's kind; raises `Unparsable`. `shape`: sentences of a
    completion row, and of its completion."""
    if request.kind is DatasetKind.TEXT:
        return lambda text, context_id: text_row(text)
    if request.kind is DatasetKind.COMPLETION:
        return lambda text, context_id: completion_row(text, *shape)
    if request.structured:
        return structured_pair
    plain = request.format is Format.PLAIN  # the plain prompt ends with “Question: ”
    return lambda text, context_id: pair_row(f"Question: {text}" if plain else text, context_id)
