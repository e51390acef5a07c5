"""Texts in the forms of `shared/text/normal.py`, of which only those that may change are looked at in
Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from services.metrics.lexical.text import scanners
from services.metrics.lexical.text.characters import words
from services.metrics.lexical.text.texts import TextBuffer, buffer_from, text_buffer
from shared.text.normal import normal


def settled(buffer: TextBuffer, form: Callable[[str], str]) -> TextBuffer:
    """The texts, those in that form whose characters cannot be compared one by one; the same where none
    is."""
    found = np.zeros(len(buffer), np.bool_)
    if not scanners.find_unsettled(buffer.data, buffer.offsets, words(), found):
        return buffer
    lengths, pieces, copied = np.diff(buffer.offsets), [], 0
    for text in np.flatnonzero(found).tolist():
        piece = form(buffer.text(text)).encode()
        pieces += [buffer.data[buffer.offsets[copied] : buffer.offsets[text]].tobytes(), piece]
        lengths[text], copied = len(piece), text + 1
    pieces.append(buffer.data[buffer.offsets[copied] :].tobytes())
    return buffer_from(b"".join(pieces), lengths)


def normal_texts(buffer: TextBuffer) -> TextBuffer:
    """The texts in NFC."""
    if not len(buffer.data) or buffer.data.max() < 0x80:
        return buffer
    return settled(buffer, normal)


def in_normal_form(array: pa.Array) -> pa.Array:
    """Texts (`large_string`) in NFC; the same array where all are."""
    before = text_buffer(array)
    after = normal_texts(before)
    if after is before:
        return array
    return pa.LargeStringArray.from_buffers(len(after), pa.py_buffer(after.offsets), pa.py_buffer(after.data))
