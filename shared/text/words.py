r"""Tokens and words.

A **token** is a run of letters, each with its marks (`\p{L}\p{M}*`), digits and underscores; in scripts
that put no blanks between words, a letter with its marks by itself. Tokens are what is compared and counted
in n-grams: for ASCII they are `re.findall(r"\w+", text.lower())`, as the measures' references have it.

A **word** is a token, or tokens that apostrophes join: "don't" is one word of two tokens. Words are what
people count: lengths that are asked for and kept to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from shared.text.characters import MARKS
from shared.text.normal import APOSTROPHE, comparable
from shared.text.unspaced import QUARTERS_OF_A_WORD, UNSPACED, has_unspaced, quarters

_LETTER = rf"(?=[^\W_])[{UNSPACED}][{MARKS}]*+"
"""A letter of a script without blanks, with its marks."""
_RUN = rf"[^\W{UNSPACED}](?:[^\W{UNSPACED}]|[{MARKS}])*+"
_BETWEEN_ASCII_TOKENS = {code: " " for code in range(128) if not re.match(r"\w", chr(code))}
_TOKEN = re.compile(rf"{_LETTER}|{_RUN}")
_ASCII_WORD = re.compile(rf"\w++(?:{APOSTROPHE}\w++)*+")
_WORD = re.compile(rf"{_LETTER}|{_RUN}(?:{APOSTROPHE}{_RUN})*+")
_UNSPACED_LETTER = re.compile(_LETTER)


def tokens(text: str) -> list[str]:
    """The tokens of a text, as they are compared (`normal.comparable`)."""
    compared = comparable(text)
    if compared.isascii():
        return compared.translate(_BETWEEN_ASCII_TOKENS).split()  # as findall, in a quarter of its time
    return _TOKEN.findall(compared)


def words(text: str) -> list[str]:
    """The words of a text, as they are compared; of scripts without blanks the letters."""
    compared = comparable(text)
    return (_ASCII_WORD if compared.isascii() else _WORD).findall(compared)


def count_words(text: str) -> int:
    """How many words a text has; letters of scripts without blanks count as `unspaced` says, and what is left
    of a word is one."""
    found = words(text)
    if not has_unspaced(text):
        return len(found)
    return _whole_words(map(quarters, found))


def count_between_blanks(text: str) -> int:
    """What stands between blanks, punctuation and all; without blanks, the words that the letters make."""
    return sum(max(1, _whole_words(map(quarters, unspaced_letters(piece)))) for piece in text.split())


def unspaced_letters(text: str) -> list[str]:
    """The letters of scripts without blanks in a text, each with its marks."""
    return _UNSPACED_LETTER.findall(text) if has_unspaced(text) else []


def _whole_words(parts: Iterable[int]) -> int:
    return -(-sum(parts) // QUARTERS_OF_A_WORD)
