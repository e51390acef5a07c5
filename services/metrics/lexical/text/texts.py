"""Texts as one Arrow buffer: the form every fast pass reads.

A list of Python strings is copied once into UTF-8; an Arrow array, chunked array or Parquet column is
read where it lies.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.metrics.lexical.errors import BrokenText, LexicalError, MissingText

Texts: TypeAlias = Sequence[str] | pa.Array | pa.ChunkedArray
"""What every lexical measure takes: strings, or an Arrow string array (large or not, chunked or not)."""


@dataclass(frozen=True)
class TextBuffer:
    """UTF-8 bytes of consecutive texts; text i is `data[offsets[i]:offsets[i + 1]]`."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def bytes_of(self, text: int) -> bytes:
        return self.data[self.offsets[text] : self.offsets[text + 1]].tobytes()

    def text(self, text: int) -> str:
        return self.bytes_of(text).decode()


def arrow_texts(texts: Texts) -> pa.Array:
    """One `large_string` array of the texts.

    Raises MissingText for a null, BrokenText for a lone surrogate, LexicalError for anything not text.
    """
    if isinstance(texts, str | bytes):
        raise LexicalError("one string was given where a sequence of texts is needed: wrap it in a list")
    array = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else _from_strings(texts)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if not pa.types.is_large_string(array.type):
        array = _as_large_string(array)
    if array.null_count:
        raise MissingText(
            f"{array.null_count} of {len(array)} rows hold no text: drop them or make them empty"
        )
    return array


def _as_large_string(array: pa.Array) -> pa.Array:
    if not (
        pa.types.is_string(array.type) or pa.types.is_string_view(array.type) or pa.types.is_null(array.type)
    ):
        raise LexicalError(f"texts are needed, and the column holds {array.type}")
    return array.cast(pa.large_string())


def _from_strings(texts: Sequence[str]) -> pa.Array:
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError as error:
        raise BrokenText(f"a text holds a lone surrogate and is not valid Unicode: {error.reason}") from error
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise LexicalError(f"texts are needed: {error}") from error


def text_buffer(texts: Texts) -> TextBuffer:
    """The texts' bytes and offsets; the bytes are not copied when they already are `large_string`."""
    array = arrow_texts(texts)
    if len(array) == 0:
        return _frozen(np.zeros(0, np.uint8), np.zeros(1, np.int64))
    _, offsets_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[array.offset : array.offset + len(array) + 1]
    if offsets[-1] == offsets[0]:
        return _frozen(np.zeros(0, np.uint8), np.zeros(len(array) + 1, np.int64))
    data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    return _frozen(data, offsets - offsets[0])


def _frozen(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> TextBuffer:
    """Arrays marked read-only, as Arrow's are, so that kernels see one type of array."""
    data.flags.writeable = offsets.flags.writeable = False
    return TextBuffer(data, offsets)


def buffer_of(texts: Sequence[bytes]) -> TextBuffer:
    """A buffer of already encoded texts."""
    return buffer_from(b"".join(texts), np.array([len(text) for text in texts], np.int64))


def buffer_from(data: bytes, lengths: NDArray[np.int64]) -> TextBuffer:
    """A buffer of encoded texts that stand one behind another, each of so many bytes."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return _frozen(np.frombuffer(data, np.uint8), offsets)


def iter_texts(texts: Texts) -> Iterator[str]:
    """The texts as Python strings, for tokenisers and compressors that need them so."""
    return (
        iter(arrow_texts(texts).to_pylist()) if isinstance(texts, pa.Array | pa.ChunkedArray) else iter(texts)
    )
