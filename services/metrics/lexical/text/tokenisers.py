"""Named tokenisers: UTF-8 texts → 64-bit token hashes.

| name         | tokens                                                                                |
|--------------|---------------------------------------------------------------------------------------|
| `words`      | `re.findall(r"\\w+", text.lower())`; the default                                       |
| `whitespace` | `text.split()`, case kept                                                             |
| `spaces`     | `text.split(" ")`, case kept, empty tokens too: what the `diversity` package splits at |
| `characters` | Unicode code points, as they are                                                      |
| `nltk`       | NLTK's `word_tokenize(text, preserve_line=True)` (needs the package `nltk`)            |
| `13a`        | sacrebleu's default for BLEU, mteval-v13a (needs the package `sacrebleu`)             |

The papers leave the tokeniser of Distinct-n open; a value means little without its name. The first four
are compiled and equal to the Python expressions above for every Unicode text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.errors import UnknownTokeniser
from services.metrics.lexical.text import scanners, splitters
from services.metrics.lexical.text.characters import lowered_words, spaces
from services.metrics.lexical.text.texts import TextBuffer, buffer_of

Hashed = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]
"""Token hashes, the offsets of each text's (texts + 1), and each text's length in code points."""
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
    hashes, offsets = _room(_size(buffer) // 2 + len(buffer) + 1, len(buffer))
    characters = np.empty(len(buffer), np.int64)
    texts, table, text, count = buffer, np.zeros(0, np.uint32), 0, 0
    while text < len(texts):
        folded = np.empty(_longest(texts) + 8, np.uint8)
        where = (folded, table, np.uint64(seed), hashes, offsets, characters)
        text, count = scanners.scan_words(texts.data, texts.offsets, text, count, *where)
        if text < len(texts):
            texts, table = _without_sigma(buffer), lowered_words()
    # Lower-casing may lengthen a text (İ): the lengths are those of the texts as they were.
    characters = characters if texts is buffer else _characters(buffer)
    return _trimmed(hashes, count), offsets, characters


def hash_whitespace(buffer: TextBuffer, seed: int) -> Hashed:
    hashes, offsets = _room(_size(buffer) // 2 + len(buffer) + 1, len(buffer))
    where = (_longest(buffer), spaces(), np.uint64(seed), hashes, offsets)
    count = splitters.scan_between_spaces(buffer.data, buffer.offsets, *where)
    return _trimmed(hashes, count), offsets, _characters(buffer)


def hash_spaces(buffer: TextBuffer, seed: int) -> Hashed:
    hashes, offsets = _room(_size(buffer) + len(buffer), len(buffer))
    where = (_longest(buffer), np.uint64(seed), hashes, offsets)
    count = splitters.scan_at_spaces(buffer.data, buffer.offsets, *where)
    return _trimmed(hashes, count), offsets, _characters(buffer)


def hash_characters(buffer: TextBuffer, seed: int) -> Hashed:
    hashes, offsets = _room(_size(buffer), len(buffer))
    count = scanners.scan_characters(buffer.data, buffer.offsets, np.uint64(seed), hashes, offsets)
    return _trimmed(hashes, count), offsets, _characters(buffer)


def _hash_split(buffer: TextBuffer, seed: int, split: Split) -> Hashed:
    """Tokens that Python code finds, hashed like all others."""
    tokens = [split(buffer.text(i)) for i in range(len(buffer))]
    pieces = buffer_of([token.encode() for found in tokens for token in found])
    hashes, offsets = _room(len(pieces), len(buffer))
    scanners.scan_pieces(pieces.data, pieces.offsets, np.uint64(seed), hashes)
    np.cumsum([len(found) for found in tokens], out=offsets[1:])
    return hashes, offsets, _characters(buffer)


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


def _without_sigma(buffer: TextBuffer) -> TextBuffer:
    """Texts that hold a Σ lower-cased by Python: which small sigma it becomes depends on its neighbours."""
    found = np.zeros(len(buffer), np.bool_)
    if not scanners.find_sigmas(buffer.data, buffer.offsets, found):
        return buffer
    return buffer_of(
        [buffer.text(i).lower().encode() if found[i] else buffer.bytes_of(i) for i in range(len(buffer))]
    )


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
