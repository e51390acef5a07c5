"""Text to token ids: borders that are kept, and special tokens in a row's own text."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from services.trainer.data.examples import Ids

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LINE, SPACE = "\n", "▁"
"""A text after which no space is put in, and how SentencePiece writes one."""
Piece = tuple[str, bool]
"""A text, and whether it is a row's own: special tokens that it has written out are no special tokens."""


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> re.Pattern[str] | None:
    """What finds the tokenizer's special tokens, written out in a text; None where it has none."""
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    names = {name for name in (*tokenizer.all_special_tokens, *added) if name.strip()}
    return re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True)))) if names else None


class Encoder:
    """The tokenizer, as rows need it."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._spaced = tokenizer.convert_ids_to_tokens(list(self.encode("a")))[0].startswith(SPACE)

    def encode(self, text: str, *, plain: bool = False) -> Ids:
        """Tokens of a text by itself; with `plain`, no special ones but those of plain text."""
        how = {"split_special_tokens": True} if plain else {}
        return tuple(self._tokenizer.encode(text, add_special_tokens=False, **how))

    def encode_on(self, text: str, *, plain: bool = False) -> Ids:
        """Tokens of a text that goes on after another one: SentencePiece (Llama 2, Phi-3) puts a space before
        every text that it is given, and here none belongs.
        """
        if not self._spaced:
            return self.encode(text, plain=plain)
        before = self.encode(LINE)
        both = self.encode(LINE + text, plain=plain)
        return both[len(before) :] if both[: len(before)] == before else self.encode(text, plain=plain)

    def encode_pieces(self, pieces: Iterable[Piece], *, on: bool = False) -> Ids:
        """Tokens of consecutive pieces, each by itself; with `on`, they go on after another text."""
        ids: Ids = ()
        for text, plain in pieces:
            encoded = self.encode_on if ids or on else self.encode
            ids += encoded(text, plain=plain) if text else ()
        return ids

    def encode_at(self, text: str, borders: Sequence[int]) -> list[Ids]:
        """Tokens of the stretches between the borders, which are places in the text in rising order.

        The text is tokenised as a whole, as `apply_chat_template` does it; where a border falls into a token,
        each stretch by itself, so that it does not.
        """
        places = [0, *borders, len(text)]
        if self._tokenizer.is_fast:
            found = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            ids, offsets = found["input_ids"], found["offset_mapping"]
            begins = [start for start, _ in offsets]
            cuts = [bisect_left(begins, border) for border in borders]
            if all(
                cut == 0 or offsets[cut - 1][1] <= border for cut, border in zip(cuts, borders, strict=True)
            ):
                return [tuple(ids[a:b]) for a, b in pairwise([0, *cuts, len(ids)])]
        return self._apart(text, places)

    def _apart(self, text: str, places: Sequence[int]) -> list[Ids]:
        made: list[Ids] = []
        for start, end in pairwise(places):
            encoded = self.encode_on if start else self.encode
            made.append(encoded(text[start:end]) if start < end else ())
        return made
