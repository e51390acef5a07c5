"""JSON values one after another, or in an array, whatever lines they stand on; and JSON as people write it.

`NaN` and `Infinity`, which Python and pandas write, are no JSON: they are read as null. Whole numbers of more
than 64 bits, which JSON has and our rows have not, are kept as text.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from services.metrics.ingestion.lines import BYTE_ORDER_MARK
from services.metrics.ingestion.records import MAX_ROW_BYTES, Fault, FileRecord, UnreadableRest

LEAST_BIG = 2.0**63
_DECODER = json.JSONDecoder(parse_constant=lambda _name: None)
_BLOCK = 2**20
_BLANK = " \t\n\r"


class NotJson(Exception):
    """Why a text is no JSON: `column` from 1, and what was expected there."""

    def __init__(self, column: int, why: str) -> None:
        super().__init__(f"not JSON at column {column}: {why}")


def loads(content: bytes) -> object:
    """A JSON value. Raises NotJson."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return _loads_of_python(content, NotJson(error.colno, error.msg))
    if isinstance(value, dict) and any(
        type(item) is float and abs(item) >= LEAST_BIG for item in value.values()
    ):
        return _loads_of_python(content, NotJson(1, "numbers too large"))  # orjson makes them floats
    return value


def _loads_of_python(content: bytes, otherwise: NotJson) -> object:
    try:
        value = _DECODER.decode(content.decode().strip(_BLANK))
        if isinstance(value, dict):
            value = with_big_numbers_as_text(value)
        orjson.dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise otherwise from error
    return value


def with_big_numbers_as_text(values: dict[str, Any]) -> dict[str, Any]:
    """The row, whole numbers of more than 64 bits as text."""
    return {
        name: str(value) if type(value) is int and not -(2**63) <= value < 2**64 else value
        for name, value in values.items()
    }


def kind_of_value(value: object) -> str:
    """What a JSON value is, in words."""
    names = {type(None): "null", bool: "a truth value", str: "a string", list: "a list"}
    return names.get(type(value), "a number")


def value_records(path: Path, *, in_array: bool) -> Iterator[FileRecord | Fault]:
    """The objects of a JSON array, or those that stand one after another. Memory holds one of them, and a
    block. Raises UnreadableRest where it is no JSON, with the line."""
    with _Window(path) as text:
        for number, value in enumerate(_items(text, in_array)):
            if isinstance(value, dict):
                yield FileRecord(number, None, with_big_numbers_as_text(value))
            else:
                detail = f"a row is a JSON object, and this is {kind_of_value(value)}"
                yield Fault(number, None, None, detail)
            text.row = number + 1


def _items(text: _Window, in_array: bool) -> Iterator[object]:
    if in_array:
        text.next_is("[")
        if text.next_is("]"):
            return
    while not text.is_at_end():
        yield text.value()
        if in_array and not text.next_is(","):
            if not text.next_is("]"):
                raise text.unreadable("a comma or the end of the array is missing")
            if not text.is_at_end():
                raise text.unreadable("there is more behind the end of the array")
            return
        if not in_array:
            text.next_is(",")
    if in_array:
        raise text.unreadable("the array has no end: the file was cut off")


class _Window:
    """A file's text as far as it is needed: what was read is let go, and no value may exceed a row's size."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text, self._place, self._lines, self._ended = "", 0, 1, False
        self.row = 0
        self._fill()
        self._text = self._text.removeprefix(BYTE_ORDER_MARK.decode())

    def __enter__(self) -> _Window:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def is_at_end(self) -> bool:
        """Whether only blanks follow."""
        while True:
            while self._place < len(self._text) and self._text[self._place] in _BLANK:
                self._place += 1
            if self._place < len(self._text) or self._ended:
                return self._place == len(self._text)
            self._fill()

    def next_is(self, character: str) -> bool:
        """Goes on behind the character if it is the next that is no blank."""
        if self.is_at_end() or self._text[self._place] != character:
            return False
        self._place += 1
        return True

    def value(self) -> object:
        """The value that begins here."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                if self._ended or not self._may_be_cut(error):
                    self._place = error.pos
                    raise self.unreadable(error.msg) from error
            except RecursionError as error:
                raise self.unreadable("values lie too deep inside each other") from error
            except ValueError as error:  # a number of thousands of digits
                raise self.unreadable(str(error)) from error
            else:
                if end < len(self._text) or self._ended:
                    self._place = end
                    return value
            if len(self._text) - self._place > MAX_ROW_BYTES:
                raise UnreadableRest(
                    Fault(self.row, None, None, f"the row is larger than {MAX_ROW_BYTES // 2**20} MiB")
                )
            self._fill()

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        """Whether the value only goes on behind what has been read: what is wrong long before that end is
        wrong."""
        return error.pos > len(self._text) - 16 or error.msg.startswith("Unterminated string")

    def _fill(self) -> None:
        self._lines += self._text.count("\n", 0, self._place)
        block = self._file.read(max(_BLOCK, len(self._text) - self._place))
        self._ended = not block
        try:
            decoded = self._decode(block, self._ended)
        except UnicodeDecodeError as error:
            detail = "the file is not UTF-8: save it as UTF-8"
            raise UnreadableRest(Fault(self.row, None, None, detail)) from error
        self._text, self._place = self._text[self._place :] + decoded, 0

    def unreadable(self, why: str) -> UnreadableRest:
        """What is wrong here, with the line."""
        line = self._lines + self._text.count("\n", 0, self._place)
        column = self._place - self._text.rfind("\n", 0, self._place)
        detail = f"not JSON at column {column}, after {self.row} rows: {' '.join(why.split())[:200]}"
        return UnreadableRest(Fault(self.row, line, None, detail))
