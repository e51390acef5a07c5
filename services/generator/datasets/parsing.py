"""From an answer to a row of the request's kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from services.generator.strategies.chatter import without_chatter
from services.generator.strategies.parse import (
    Shape,
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


def row_parser(
    request: GenerationRequest, shape: Shape, real: Sequence[str] = ()
) -> Callable[[str, str], dict[str, Any]]:
    """(answer, context id) → row of the request's kind; raises `Unparsable`. `shape` is that of
    completion rows; `real` rows show what is no chatter among their like."""
    parse = _form_parser(request, shape)
    return without_chatter(parse, real) if request.acceptance.chatter else parse


def _form_parser(request: GenerationRequest, shape: Shape) -> Callable[[str, str], dict[str, Any]]:
    if request.kind is DatasetKind.TEXT:
        return lambda text, context_id: text_row(text)
    if request.kind is DatasetKind.COMPLETION:
        return lambda text, context_id: completion_row(text, shape)
    if request.structured:
        return structured_pair
    plain = request.format is Format.PLAIN  # the plain prompt ends with “Question: ”
    return lambda text, context_id: pair_row(f"Question: {text}" if plain else text, context_id)
