"""Named tokenisers: UTF-8 texts → 64-bit token hashes.

| name         | tokens                                                                                |
|--------------|---------------------------------------------------------------------------------------|
| `words`      | `shared.text.words.tokens(text)`; the default                                         |
| `whitespace` | `text.split()`, case kept                                                             |
| `spaces`     | `text.split(" ")`, case kept, empty tokens too: what the `diversity` package splits at |
| `characters` | Unicode code points of `shared.text.normal.normal(text)`, case kept                   |
| `nltk`       | NLTK's `word_tokenize(text, preserve_line=True)` (needs the package `nltk`)            |
| `13a`        | sacrebleu's default for BLEU, mteval-v13a (needs the package `sacrebleu`)             |

The papers leave the tokeniser of Distinct-n open; a value means little without its name. The first four are
compiled and equal to the Python expressions above for every Unicode text, to which a property test over
many scripts holds them. `words` is `re.findall(r"\\w+", text.lower())` for ASCII.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.errors import UnknownTokeniser
from services.metrics.lexical.text import scanners, splitters
from services.metrics.lexical.text.characters import spaces, words
from services.metrics.lexical.text.normal import normal_texts, settled
from services.metrics.lexical.text.texts import TextBuffer, buffer_of
from shared.text.normal import comparable
from shared.text.unspaced import QUARTERS_OF_A_WORD

Hashed = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8] | None]
"""Token hashes, the offsets of each text's (texts + 1), each text's length in code points, and how much of
a word each token is, in quarters; None where all are whole words."""
Tokeniser = Callable[[TextBuffer, int], Hashed]
Split = Callable[[str], list[str]]

DEFAULT_TOKENISER = "words"


def tokeniser(name: str) -> Tokeniser:
    """The tokeniser of that name. Raises UnknownTokeniser."""
    if name in _COMPILED:
        return _COMPILED[name]
    if name in _SPLITS:
        split = _SPLITS[name]()
        return lambda buffer, seed: _hash_split(buffer, seed, split)
    raise UnknownTokeniser(f"no tokeniser is named {name!r}: choose one of {', '.join(tokeniser_names())}")


def tokeniser_names() -> list[str]:
    return [*_COMPILED, *_SPLITS]


def hash_words(buffer: TextBuffer, seed: int) -> Hashed:
    # A token and what parts it from the next have two bytes at least, and so has a letter that is one itself.
    hashes, offsets = _room(_size(buffer) // 2 + len(buffer) + 1, len(buffer))
    quarters, characters = np.zeros(len(hashes), np.uint8), np.empty(len(buffer), np.int64)
    texts, table, text, count = buffer, np.zeros(0, np.uint32), 0, 0
    while text < len(texts):
        folded = np.empty(_longest(texts) + 8, np.uint8)
        where = (folded, table, np.uint64(seed), hashes, quarters, offsets, characters)
        text, count = scanners.scan_words(texts.data, texts.offsets, text, count, *where)
        if text < len(texts):
            texts, table = settled(buffer, comparable), words()
    # The form that is compared may be of another length: the lengths are those of the texts as they were.
    characters = characters if texts is buffer else _characters(buffer)
    parts = quarters[:count] if len(table) and quarters[:count].any() else None
    return _trimmed(hashes, count), offsets, characters, None if parts is None else _whole_where_none(parts)


def hash_whitespace(buffer: TextBuffer, seed: int) -> Hashed:
    hashes, offsets = _room(_size(buffer) // 2 + len(buffer) + 1, len(buffer))
    where = (_longest(buffer), spaces(), np.uint64(seed), hashes, offsets)
    count = splitters.scan_between_spaces(buffer.data, buffer.offsets, *where)
    return _trimmed(hashes, count), offsets, _characters(buffer), None


def hash_spaces(buffer: TextBuffer, seed: int) -> Hashed:
    hashes, offsets = _room(_size(buffer) + len(buffer), len(buffer))
    where = (_longest(buffer), np.uint64(seed), hashes, offsets)
    count = splitters.scan_at_spaces(buffer.data, buffer.offsets, *where)
    return _trimmed(hashes, count), offsets, _characters(buffer), None


def hash_characters(buffer: TextBuffer, seed: int) -> Hashed:
    texts = normal_texts(buffer)
    hashes, offsets = _room(_size(texts), len(texts))
    count = scanners.scan_characters(texts.data, texts.offsets, np.uint64(seed), hashes, offsets)
    return _trimmed(hashes, count), offsets, _characters(buffer), None


def _hash_split(buffer: TextBuffer, seed: int, split: Split) -> Hashed:
    """Tokens that Python code finds, hashed like all others."""
    tokens = [split(buffer.text(i)) for i in range(len(buffer))]
    pieces = buffer_of([token.encode() for found in tokens for token in found])
    hashes, offsets = _room(len(pieces), len(buffer))
    scanners.scan_pieces(pieces.data, pieces.offsets, np.uint64(seed), hashes)
    np.cumsum([len(found) for found in tokens], out=offsets[1:])
    return hashes, offsets, _characters(buffer), None


@cache
def nltk_split() -> Split:
    try:
        from nltk.tokenize import NLTKWordTokenizer
    except ImportError as error:
        raise UnknownTokeniser("the tokeniser 'nltk' needs the package nltk: pip install nltk") from error
    split: Split = NLTKWordTokenizer().tokenize
    return split


@cache
def sacrebleu_split() -> Split:
    try:
        from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
    except ImportError as error:
        raise UnknownTokeniser(
            "the tokeniser '13a' needs the package sacrebleu: pip install sacrebleu"
        ) from error
    tokenise = Tokenizer13a()  # type: ignore[no-untyped-call]
    return lambda text: tokenise(text.rstrip()).split()


_COMPILED: dict[str, Tokeniser] = {
    "words": hash_words,
    "whitespace": hash_whitespace,
    "spaces": hash_spaces,
    "characters": hash_characters,
}
_SPLITS: dict[str, Callable[[], Split]] = {"nltk": nltk_split, "13a": sacrebleu_split}


def _characters(buffer: TextBuffer) -> NDArray[np.int64]:
    """Code points of each text."""
    characters = np.empty(len(buffer), np.int64)
    scanners.count_characters(buffer.data, buffer.offsets, characters)
    return characters


def _whole_where_none(parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(parts == 0, np.uint8(QUARTERS_OF_A_WORD), parts)


def _size(buffer: TextBuffer) -> int:
    return int(buffer.offsets[-1] - buffer.offsets[0])


def _longest(buffer: TextBuffer) -> int:
    """Bytes of the longest text."""
    return int(np.diff(buffer.offsets).max(initial=0))


def _room(tokens: int, texts: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Space for as many tokens as there can be (untouched pages cost nothing), and the offsets."""
    return np.empty(tokens, np.uint64), np.zeros(texts + 1, np.int64)


def _trimmed(hashes: NDArray[np.uint64], count: int) -> NDArray[np.uint64]:
    """The tokens found, giving back the room they did not need."""
    hashes.resize(count, refcheck=False)
    return hashes
