"""Marks and invisible characters are those of Unicode, all of them."""

from __future__ import annotations

import re
import sys
import unicodedata

from shared.text.characters import INVISIBLE, MARKS, is_invisible

SHOWN = [chr(code) for code in range(sys.maxunicode + 1)]


def test_every_mark_is_visible_or_none() -> None:
    marks = set(re.findall(f"[{MARKS}]", "".join(SHOWN)))
    invisible = set(re.findall(f"[{INVISIBLE}]", "".join(SHOWN)))
    assert {c for c in SHOWN if unicodedata.category(c).startswith("M")} <= marks | invisible
    assert not marks & invisible
    assert {c for c in SHOWN if unicodedata.category(c) == "Cf"} - invisible == {"\u200b"}


def test_no_letter_is_invisible() -> None:
    assert not any(character.isalnum() and is_invisible(ord(character)) for character in SHOWN)
