"""Scripts that put no blanks between words, and how many of their letters are taken for one.

Where a word ends is in a dictionary there and not in the text. What counts words only needs their number,
and runs of them that are about as long as in other scripts: so each letter is looked at by itself (as the
default word boundaries of Unicode have it, UAX 29), and two of Chinese or Japanese, or four of Thai, Lao,
Burmese, Khmer and their kin, are taken for one word. So counted, the first article of the Universal
Declaration of Human Rights has 20 to 39 words in these languages; in English it has 30.
"""

from __future__ import annotations

import re

HAN_AND_KANA = (
    "\u3005-\u3007\u3021-\u3029\u3038-\u303c\u3041-\u30ff\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00016fe3\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
"""Han, Hiragana, Katakana and Bopomofo, as ranges of a character class."""
SOUTH_EAST_ASIAN = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\ua9e0-\ua9ff\uaa60-\uaadf"
)
"""Thai, Lao, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham and Tai Viet."""
UNSPACED = HAN_AND_KANA + SOUTH_EAST_ASIAN

QUARTERS_OF_A_WORD = 4
"""A whole word. Weights of tokens are counted in quarters of a word, so that they stay whole numbers."""
QUARTERS_OF_HAN_OR_KANA = 2
QUARTERS_OF_SOUTH_EAST_ASIAN = 1

_UNSPACED = re.compile(f"[{UNSPACED}]")
_HAN_OR_KANA = re.compile(f"[{HAN_AND_KANA}]")


def has_unspaced(text: str) -> bool:
    """Whether a text has characters of such a script."""
    return not text.isascii() and _UNSPACED.search(text) is not None


def quarters(token: str) -> int:
    """How much of a word a token is, in quarters of a word: 2 for a letter of Chinese or Japanese, 1 for
    one of Thai, Lao, Burmese, Khmer and their kin, 4 (a whole word) for anything else."""
    if _HAN_OR_KANA.match(token):
        return QUARTERS_OF_HAN_OR_KANA
    return QUARTERS_OF_SOUTH_EAST_ASIAN if _UNSPACED.match(token) else QUARTERS_OF_A_WORD
