"""Kernels that split texts at white space, as Python's `str.split` does; see `scanners`."""

from __future__ import annotations

import numpy as np

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.text.hashing import hash_bytes, start
from services.metrics.lexical.text.scanners import decode, hash_to_blank, scan_apart

SPACES = np.uint64(0x2020202020202020)


@compiled
def scan_spaced(padded, size, seed, hashes, count):
    """What stands between single spaces of one text, which a space and seven bytes more follow."""
    i = np.uint64(0)
    one = np.uint64(1)
    first = start(seed)
    while i <= np.uint64(size):
        hashes[count], i = hash_to_blank(padded, i, SPACES, first)
        count += 1
        i += one
    return count


@compiled
def scan_at_spaces(data, begins, longest, seed, hashes, offsets):
    """Tokens of every text, empty or not, as `str.split(" ")` gives them; `longest`: bytes of a text."""
    padded = np.empty(longest + 8, np.uint8)
    count = 0
    for text in range(len(begins) - 1):
        size = begins[text + 1] - begins[text]
        padded[:size] = data[begins[text] : begins[text + 1]]
        padded[size : size + 8] = np.uint8(32)
        count = scan_spaced(padded, size, seed, hashes, count)
        offsets[text + 1] = count
    return count


@compiled
def level_ascii(data, padded):
    """The bytes with a space for all that `str.split()` splits ASCII at, and eight spaces more.

    Returns whether all is ASCII; else what it wrote means nothing.
    """
    high = np.uint8(0)
    for i in range(len(data)):
        byte = data[i]
        high |= byte
        line = np.uint8(byte - np.uint8(9)) < np.uint8(5)
        separator = np.uint8(byte - np.uint8(28)) < np.uint8(4)
        padded[i] = np.uint8(32) if line or separator else byte
    padded[len(data) : len(data) + 8] = np.uint8(32)
    return high < np.uint8(0x80)


@compiled
def scan_spread(data, begin, end, space, seed, hashes, count):
    """What stands between white space of one text, by the table of `characters.spaces`."""
    token = -1
    i = begin
    while i < end:
        code, width = decode(data, i)
        if space[code]:
            if token >= 0:
                hashes[count] = hash_bytes(data, token, i, seed)
                count += 1
            token = -1
        elif token < 0:
            token = i
        i += width
    if token >= 0:
        hashes[count] = hash_bytes(data, token, end, seed)
        count += 1
    return count


@compiled
def scan_between_spaces(data, begins, longest, space, seed, hashes, offsets):
    """Tokens of every text as `str.split()` gives them; `longest`: bytes of a text."""
    padded = np.empty(longest + 8, np.uint8)
    count = 0
    for text in range(len(begins) - 1):
        begin, end = begins[text], begins[text + 1]
        if level_ascii(data[begin:end], padded):
            count = scan_apart(padded, end - begin, SPACES, seed, hashes, count)
        else:
            count = scan_spread(data, begin, end, space, seed, hashes, count)
        offsets[text + 1] = count
    return count
