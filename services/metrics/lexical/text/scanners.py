"""Kernels that turn UTF-8 texts into token hashes.

Each writes the hashes of text after text into `hashes` (which must have room), the running number of
tokens into `offsets[1:]`, and returns that number.
"""

from __future__ import annotations

import numpy as np

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.text.characters import (
    HAN_OR_KANA,
    INVISIBLE,
    MARK,
    POINT,
    SOUTH_EAST_ASIAN,
    UNSETTLED,
)
from services.metrics.lexical.text.hashing import absorb, finish, hash_bytes, start, trailing_zeros
from shared.text.unspaced import QUARTERS_OF_HAN_OR_KANA, QUARTERS_OF_SOUTH_EAST_ASIAN

QUARTERS_HAN_OR_KANA = np.uint8(QUARTERS_OF_HAN_OR_KANA)
QUARTERS_SOUTH_EAST_ASIAN = np.uint8(QUARTERS_OF_SOUTH_EAST_ASIAN)
# The high and low bit of each byte, for finding a zero byte among eight at once.
HIGH_BITS = np.uint64(0x8080808080808080)
LOW_BITS = np.uint64(0x0101010101010101)
NOTHING = np.uint64(0)


@compiled
def fold_ascii(data, folded):  # type: ignore[no-untyped-def]
    """Lower-cased byte where an ASCII word character stands, 0 elsewhere and for eight bytes more.

    Returns whether all is ASCII; else what it wrote means nothing.
    """
    high = np.uint8(0)
    for i in range(len(data)):
        byte = data[i]
        high |= byte
        lowered = byte | np.uint8(0x20)
        letter = np.uint8(lowered - np.uint8(97)) < np.uint8(26)
        digit = np.uint8(byte - np.uint8(48)) < np.uint8(10)
        underscore = byte == np.uint8(95)
        folded[i] = lowered if letter else (byte if digit or underscore else np.uint8(0))
    folded[len(data) : len(data) + 8] = 0
    return high < np.uint8(0x80)


@compiled
def code_points(data, begin, end):  # type: ignore[no-untyped-def]
    """How many code points stand in `data[begin:end]`."""
    starts = 0
    for i in range(begin, end):
        starts += (data[i] & np.uint8(0xC0)) != np.uint8(0x80)
    return starts


@compiled
def count_characters(data, begins, characters):  # type: ignore[no-untyped-def]
    """Code points of each text."""
    for text in range(len(begins) - 1):
        characters[text] = code_points(data, begins[text], begins[text + 1])


@compiled
def eight_bytes(data, i):  # type: ignore[no-untyped-def]
    """Eight bytes from `i` on as one little-endian word (one load once compiled)."""
    word = np.uint64(data[i])
    for k in range(1, 8):
        word |= np.uint64(data[i + np.uint64(k)]) << np.uint64(8 * k)
    return word


@compiled
def hash_to_blank(padded, i, blanks, state):  # type: ignore[no-untyped-def]
    """The hash of what stands from `i` on to the next blank, from its first state, and that blank's place."""
    origin = i
    while True:
        word = eight_bytes(padded, i)
        apart = word ^ blanks
        length = trailing_zeros((apart - LOW_BITS) & ~apart & HIGH_BITS) >> np.uint64(3)
        i += length
        if length < np.uint64(8):
            break
        state = absorb(state, word)
    word &= (np.uint64(1) << (length << np.uint64(3))) - np.uint64(1)
    return finish(state, word, i - origin), i


@compiled
def scan_apart(padded, size, blanks, seed, hashes, count):  # type: ignore[no-untyped-def]
    """What stands between blanks of one text, eight bytes at a time; the number of tokens after it.

    `blanks` is eight times the blank byte, of which eight more follow the text.
    """
    i = np.uint64(0)
    stop = np.uint64(size)
    one = np.uint64(1)
    blank = np.uint8(blanks)
    first = start(seed)
    while True:
        while i < stop and padded[i] == blank:
            i += one
        if i >= stop:
            return count
        hashes[count], i = hash_to_blank(padded, i, blanks, first)
        count += 1
        i += one


@compiled
def decode(data, i):  # type: ignore[no-untyped-def]
    """The code point that begins at byte `i` of valid UTF-8, and its length in bytes."""
    lead = np.uint32(data[i])
    if lead < np.uint32(0x80):
        return lead, 1
    second = np.uint32(data[i + 1]) & np.uint32(0x3F)
    if lead < np.uint32(0xE0):
        return ((lead & np.uint32(0x1F)) << np.uint32(6)) | second, 2
    third = np.uint32(data[i + 2]) & np.uint32(0x3F)
    if lead < np.uint32(0xF0):
        return ((lead & np.uint32(0x0F)) << np.uint32(12)) | (second << np.uint32(6)) | third, 3
    fourth = np.uint32(data[i + 3]) & np.uint32(0x3F)
    high = ((lead & np.uint32(0x07)) << np.uint32(18)) | (second << np.uint32(12))
    return high | (third << np.uint32(6)) | fourth, 4


@compiled
def encode(code):  # type: ignore[no-untyped-def]
    """The UTF-8 bytes of a code point as a little-endian word, and their number."""
    low = np.uint64(0x80) | (np.uint64(code) & np.uint64(0x3F))
    if code < 0x80:
        return np.uint64(code), np.uint64(1)
    middle = np.uint64(0x80) | ((np.uint64(code) >> np.uint64(6)) & np.uint64(0x3F))
    if code < 0x800:
        return np.uint64(0xC0) | (np.uint64(code) >> np.uint64(6)) | (low << np.uint64(8)), np.uint64(2)
    upper = np.uint64(0x80) | ((np.uint64(code) >> np.uint64(12)) & np.uint64(0x3F))
    if code < 0x10000:
        lead = np.uint64(0xE0) | (np.uint64(code) >> np.uint64(12))
        return lead | (middle << np.uint64(8)) | (low << np.uint64(16)), np.uint64(3)
    lead = np.uint64(0xF0) | (np.uint64(code) >> np.uint64(18))
    return lead | (upper << np.uint64(8)) | (middle << np.uint64(16)) | (low << np.uint64(24)), np.uint64(4)


@compiled
def append(state, word, filled, piece, size):  # type: ignore[no-untyped-def]
    """Add `size` bytes to a token's hash state; returns the state, the bytes held back, their number."""
    word |= piece << (filled << np.uint64(3))
    total = filled + size
    if total < np.uint64(8):
        return state, word, total
    state = absorb(state, word)
    kept = np.uint64(8) - filled
    rest = piece >> (kept << np.uint64(3)) if kept < np.uint64(8) else np.uint64(0)
    return state, rest, total - np.uint64(8)


@compiled
def part_of_word(entry):  # type: ignore[no-untyped-def]
    """How much of a word a letter of a script without blanks is, in quarters; 0 for anything else."""
    if entry & HAN_OR_KANA:
        return QUARTERS_HAN_OR_KANA
    return QUARTERS_SOUTH_EAST_ASIAN if entry & SOUTH_EAST_ASIAN else np.uint8(0)


@compiled
def scan_unicode(data, begin, end, table, seed, hashes, quarters, count):  # type: ignore[no-untyped-def]
    """Tokens of one text with other than ASCII, by the table of `characters.words`, and how much of a word
    each is where it is no whole one (`quarters` is 0 for those)."""
    nothing = np.uint64(0)
    state = start(seed)
    word = filled = length = nothing
    part = np.uint8(0)
    i = begin
    while i < end:
        code, width = decode(data, i)
        i += width
        entry = table[code]
        folded = entry & POINT
        alone = np.uint8(0)
        goes_on = folded != 0 and length > 0 and part == 0
        if entry > POINT:  # neither a plain letter nor what only parts tokens
            if entry & INVISIBLE:
                continue
            alone = part_of_word(entry)
            if entry & MARK:
                goes_on = length > 0
                folded = folded if goes_on else np.uint32(0)
            elif alone:
                goes_on = False
        if length > 0 and not goes_on:
            hashes[count] = finish(state, word, length)
            if part:
                quarters[count] = part
            count += 1
            state = start(seed)
            word = filled = length = nothing
            part = np.uint8(0)
        if folded != 0:
            piece, size = encode(folded)
            state, word, filled = append(state, word, filled, piece, size)
            length += size
            if not goes_on:
                part = alone
    if length > 0:
        hashes[count] = finish(state, word, length)
        if part:
            quarters[count] = part
        count += 1
    return count


@compiled
def is_unsettled(data, begin, end, table):  # type: ignore[no-untyped-def]
    """Whether a character stands in the text that is not compared by itself alone."""
    i = begin
    while i < end:
        while i + 8 <= end and eight_bytes(data, np.uint64(i)) & HIGH_BITS == NOTHING:
            i += 8
        if i < end:
            code, width = decode(data, i)
            if table[code] & UNSETTLED:
                return True
            i += width
    return False


@compiled
def find_unsettled(data, begins, table, found):  # type: ignore[no-untyped-def]
    """Which texts hold such a character; how many."""
    total = 0
    for text in range(len(begins) - 1):
        found[text] = is_unsettled(data, begins[text], begins[text + 1], table)
        total += found[text]
    return total


@compiled
def scan_words(  # type: ignore[no-untyped-def]
    data, begins, first, count, folded, table, seed, hashes, quarters, offsets, characters
):
    """Tokens of the texts from `first` on, as `shared/text/words.py` defines them, `count` being there
    already.

    folded    room for the bytes of the longest text and eight more
    table     `characters.words`; with an empty one the first text with other than ASCII ends the scan

    Returns the text it ended at (one past the last), and the tokens there are.
    """
    for text in range(first, len(begins) - 1):
        begin, end = begins[text], begins[text + 1]
        if fold_ascii(data[begin:end], folded):
            characters[text] = end - begin
            count = scan_apart(folded, end - begin, NOTHING, seed, hashes, count)
        elif len(table) == 0:
            return text, count
        else:
            characters[text] = code_points(data, begin, end)
            count = scan_unicode(data, begin, end, table, seed, hashes, quarters, count)
        offsets[text + 1] = count
    return len(begins) - 1, count


@compiled
def scan_pieces(data, begins, seed, hashes):  # type: ignore[no-untyped-def]
    """The hash of each piece of a buffer, the piece being the token."""
    for piece in range(len(begins) - 1):
        hashes[piece] = hash_bytes(data, begins[piece], begins[piece + 1], seed)


@compiled
def scan_characters(data, begins, seed, hashes, offsets):  # type: ignore[no-untyped-def]
    """Each code point, as it is."""
    count = 0
    for text in range(len(begins) - 1):
        i = begins[text]
        while i < begins[text + 1]:
            _, width = decode(data, i)
            hashes[count] = hash_bytes(data, i, i + width, seed)
            count += 1
            i += width
        offsets[text + 1] = count
    return count
