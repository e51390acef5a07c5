"""A row in tokens as people read it: its text, the learned part marked."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import TYPE_CHECKING

from services.trainer.data.examples import Example
from shared.contracts.training.plans import RenderedPiece, RenderedRow

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MOST_CHARACTERS = 4000
"""Of a piece; a longer one is a book's chapter, whose beginning and end say how it was rendered."""


def shown_row(example: Example, tokenizer: PreTrainedTokenizerBase) -> RenderedRow:
    """The row's tokens as text, special ones written out."""
    borders = [0, *chain.from_iterable(example.runs), len(example)]
    pieces = [
        RenderedPiece(
            text=_shortened(str(tokenizer.decode(list(example.ids[start:end])))), learned=number % 2 == 1
        )
        for number, (start, end) in enumerate(pairwise(borders))
        if start < end
    ]
    return RenderedRow(row=example.row, pieces=pieces)


def _shortened(text: str) -> str:
    half = MOST_CHARACTERS // 2
    return text if len(text) <= MOST_CHARACTERS else f"{text[:half]} […] {text[-half:]}"
