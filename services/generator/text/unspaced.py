"""Scripts that put no spaces between words, and how many of their letters are taken for one.

Where a word ends is in a dictionary there and not in the text. What counts words only needs their number,
and runs of them that are about as long as in other scripts: so each letter is looked at by itself (as the
default word boundaries of Unicode have it, UAX 29), and two of Chinese or Japanese, or four of Thai, Lao,
Burmese, Khmer and their kin, are taken for one word. So counted, the first article of the Universal
Declaration of Human Rights has 20 to 39 words in these languages; in English it has 30.
"""

from __future__ import annotations

import re
import unicodedata

HAN_AND_KANA = (
    "\u3005-\u3007\u3021-\u3029\u3038-\u303c\u3041-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00016fe3\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
"""Han, Hiragana, Katakana and Bopomofo, as ranges of a character class."""
SOUTH_EAST_ASIAN = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
)
"""Thai, Lao, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham and Tai Viet."""
RANGES = HAN_AND_KANA + SOUTH_EAST_ASIAN
MARKS = "\u3099\u309a" + "".join(
    chr(code)
    for low, high in re.findall("(.)-(.)", SOUTH_EAST_ASIAN)
    for code in range(ord(low), ord(high) + 1)
    if unicodedata.category(chr(code)).startswith("M")
)
"""Vowel signs and tones that stand on the letter before them, and are no letters."""
LETTER = rf"(?=[^\W_])[{RANGES}][{MARKS}]*+"
WORD = 4
"""Quarters."""

_ANY = re.compile(f"[{RANGES}]")
_LETTER = re.compile(LETTER)
_HAN_OR_KANA = re.compile(f"[{HAN_AND_KANA}]")


def is_there(text: str) -> bool:
    """Whether a text has characters of such a script."""
    return not text.isascii() and _ANY.search(text) is not None


def quarters(token: str) -> int:
    """How much of a word a token is: a letter of such a script a half or a quarter, anything else a whole."""
    if _HAN_OR_KANA.match(token):
        return 2
    return 1 if _ANY.match(token) else WORD


def letters(text: str) -> list[str]:
    """The letters of such scripts in a text, each with its marks."""
    return _LETTER.findall(text) if is_there(text) else []
