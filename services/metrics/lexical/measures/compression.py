"""Compression ratio: bytes of the texts over bytes of their gzip form. The higher, the less diverse.

All texts are joined by one separator and compressed once, at a stated level (the `diversity` package
compresses its own gzip output again, which is wrong on repetitive text). Two forms:

`compression_ratio`    one gzip stream by zlib, byte for byte `gzip -9`; sequential
`CompressionState`     gzip blocks of about a megabyte by libdeflate at level 6 (four times as fast, within
                       0.1 % where blocks do not matter); mergeable

A block ends after a text whose own bytes say so (a hash of its end and its length), so where blocks end
does not depend on how the texts were divided into shards: the merged value is exactly the whole's. Below
about a megabyte there is one block; above, what repeats over a longer distance than a block is not seen
(gzip itself sees 32 KiB back, so that this moves the value by a few thousandths). Among a few different
texts repeated for ever there may be none that ends a block: the state then holds all of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import deflate
import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.text.hashing import hash_bytes
from services.metrics.lexical.text.texts import TextBuffer, Texts, iter_texts, text_buffer
from services.metrics.lexical.values import NO_TEXTS, Value

LEVEL = 9
"""gzip's own default in Python, and the `diversity` package's."""
BLOCK_LEVEL = 6
BLOCK_BYTES = 1 << 20
GZIP_WINDOW = 31
SEPARATOR = b" "
# A text's last bytes that decide whether it ends a block.
DECIDING = 64


def compression_ratio(texts: Texts, *, level: int = LEVEL) -> Value:
    """Bytes of the texts joined by a space, over those of one gzip stream at `level` (1 to 9)."""
    if not 1 <= level <= 9:
        raise LexicalError(f"gzip has levels 1 to 9, not {level}")
    if not len(texts):
        return Value.none(NO_TEXTS)
    raw, packed = gzip_sizes(iter_texts(texts), level)
    return Value(raw / packed)


def gzip_sizes(texts: Iterable[str], level: int = LEVEL) -> tuple[int, int]:
    """Bytes of the joined texts, and of their gzip stream; neither is held as a whole."""
    stream = zlib.compressobj(level, zlib.DEFLATED, GZIP_WINDOW)
    raw = packed = 0
    for number, text in enumerate(texts):
        data = SEPARATOR * (number > 0) + text.encode()
        raw += len(data)
        packed += len(stream.compress(data))
    return raw, packed + len(stream.flush())


@compiled
def find_ends(data, begins, deciding, block, ends):
    """Which texts end a block: those whose hash falls in a share of all hashes equal to length / block."""
    scale = 2.0**64 / block
    found = 0
    for text in range(len(begins) - 1):
        begin, end = begins[text], begins[text + 1]
        last = hash_bytes(data, max(begin, end - deciding), end, np.uint64(end - begin))
        if np.float64(last) < (end - begin + 1) * scale:
            ends[found] = text + 1
            found += 1
    return found


@dataclass(frozen=True)
class CompressionState:
    """Bytes before and after compression; `head` and `tail` are the bytes of blocks not yet complete.

    Without any block's end the texts are all `head`, and `tail` is None. Every text is followed by the
    separator.
    """

    texts: int
    raw: int
    packed: int
    blocks: int
    head: bytes
    tail: bytes | None

    @classmethod
    def of(cls, texts: Texts, block_bytes: int = BLOCK_BYTES) -> Self:
        buffer = text_buffer(texts)
        ends = np.zeros(len(buffer), np.int64)
        ends = ends[: find_ends(buffer.data, buffer.offsets, DECIDING, float(block_bytes), ends)]
        raw = len(buffer.data) + len(buffer)
        if not len(ends):
            return cls(len(buffer), raw, 0, 0, _joined(buffer, 0, len(buffer)), None)
        inner = [_packed(_joined(buffer, *bounds)) for bounds in _bounds(ends)]
        head, tail = _joined(buffer, 0, ends[0]), _joined(buffer, ends[-1], len(buffer))
        return cls(len(buffer), raw, sum(inner), len(inner), head, tail)

    def merge(self, other: Self) -> Self:
        """The state of these texts followed by those."""
        texts, raw = self.texts + other.texts, self.raw + other.raw
        packed, blocks = self.packed + other.packed, self.blocks + other.blocks
        if self.tail is None:
            return type(self)(texts, raw, packed, blocks, self.head + other.head, other.tail)
        border = self.tail + other.head
        if other.tail is None:
            return type(self)(texts, raw, packed, blocks, self.head, border)
        return type(self)(texts, raw, packed + _packed(border), blocks + 1, self.head, other.tail)

    def value(self) -> Value:
        """The compression ratio, over gzip blocks at level BLOCK_LEVEL."""
        if not self.texts:
            return Value.none(NO_TEXTS)
        return Value(self.raw / (self.packed + sum(_packed(edge) for edge in (self.head, self.tail) if edge)))


def block_ratio(texts: Texts) -> Value:
    """The compression ratio of the texts as one block, wherever blocks would end."""
    buffer = text_buffer(texts)
    if not len(buffer):
        return Value.none(NO_TEXTS)
    block = _joined(buffer, 0, len(buffer))
    return Value(len(block) / _packed(block))


def _bounds(ends: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    return zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)


def _packed(block: bytes) -> int:
    return len(deflate.gzip_compress(block, BLOCK_LEVEL))


@compiled
def copy_texts(data, begins, first, last, separator, out):
    """Texts `first` to `last`, each followed by the separator."""
    place = 0
    for text in range(first, last):
        size = begins[text + 1] - begins[text]
        out[place : place + size] = data[begins[text] : begins[text + 1]]
        out[place + size] = separator
        place += size + 1


def _joined(buffer: TextBuffer, first: int, last: int) -> bytes:
    size = int(buffer.offsets[last] - buffer.offsets[first]) + last - first
    out = np.empty(size, np.uint8)
    copy_texts(buffer.data, buffer.offsets, int(first), int(last), np.uint8(SEPARATOR[0]), out)
    return out.tobytes()
