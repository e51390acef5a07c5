"""What may be read from outside, and what is refused before anything walks through it."""

from __future__ import annotations

import itertools
import json
import time
import tracemalloc
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.documents.reading import MAX_DEPTH, UnsupportedMediaType, read_document
from shared.errors import InvalidRequest, TooLarge

YAML = "application/yaml"
JSON = "application/json; charset=utf-8"
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
JsonValue = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refused(body: bytes, media_type: str = YAML) -> tuple[str, int | None]:
    with pytest.raises(InvalidRequest) as raised:
        read_document(body, media_type, 2**18)
    [error] = raised.value.errors
    return error.detail, error.line


@given(st.dictionaries(st.text(), JsonValue, max_size=4))
def test_json_comes_back_as_it_is(value: dict[str, Any]) -> None:
    assert read_document(json.dumps(value).encode(), JSON, 2**18) == value


@given(st.dictionaries(st.text(st.characters(codec="ascii")), JsonValue, max_size=4))
def test_yaml_says_what_json_says(value: dict[str, Any]) -> None:
    """A YAML document of JSON's values reads as those values."""
    text = yaml.safe_dump(value, allow_unicode=False)
    assert read_document(text.encode(), YAML, 2**18) == yaml.safe_load(text) == value


def test_dates_and_merge_marks_are_text() -> None:
    assert read_document(b"day: 2026-01-02\nmark: <<\n", YAML, 100) == {"day": "2026-01-02", "mark": "<<"}


@pytest.mark.parametrize(
    ("body", "says", "line"),
    [
        (b"a: 1\nb: [1,\n", "not YAML", 3),
        (b"a: &x 1\nb: *x\n", "alias", 2),
        (b"a: 1\na: 2\n", "'a' stands twice", 2),
        (b"a: !!python/object:os.system {}\n", "tag", 1),
        (b"a: !!set {x}\n", "tag", 1),
        (b"a: 1\n\xff: 2\n", "UTF-8", 2),
        (b"1: a\n", "no text", 1),
        (b"a: .inf\n", "not finite", None),
        (b"- a\n", "not a mapping", None),
        (b"", "not a mapping", None),
        (b"a: " + b"[" * 40 + b"]" * 40, "too deeply", 1),
        (b"a: 1\n---\nb: 2\n", "not YAML", 2),
    ],
)
def test_yaml_that_is_refused(body: bytes, says: str, line: int | None) -> None:
    detail, found = refused(body)
    assert says in detail
    assert found == line


@pytest.mark.parametrize(
    ("body", "says", "line"),
    [
        (b'{"a": 1,\n}', "not JSON", 2),
        (b'{"a": 1, "a": 2}', "'a' stands twice", None),
        (b'{"a": NaN}', "NaN", None),
        (b'{"a": 1e999}', "not finite", None),
        (b'{"a": "\\ud800"}', "surrogate", None),
        (b'{"a": ' + b"9" * 5000 + b"}", "cannot be read", None),
        (b'{"a": ' * 200 + b"1" + b"}" * 200, "too deeply", None),
        (b"[" * 100_000, "too deeply", None),
        (b"\xff", "UTF-8", 1),
        (b'"text"', "not a mapping", None),
    ],
)
def test_json_that_is_refused(body: bytes, says: str, line: int | None) -> None:
    detail, found = refused(body, JSON)
    assert says in detail
    assert found == line


def test_the_deepest_document_that_is_taken() -> None:
    body = b'{"a": ' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1) + b"}"
    assert read_document(body, JSON, 1000)


def test_an_alias_bomb_costs_no_memory() -> None:
    names = "abcdefghi"
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n".encode() for old, new in itertools.pairwise(names)
    )
    tracemalloc.start()
    refused(bomb)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_size_is_bounded() -> None:
    with pytest.raises(TooLarge):
        read_document(b" " * 101, YAML, 100)
    with pytest.raises(TooLarge):
        read_document(b'{"a": [' + b"0," * 110_000 + b"0]}", JSON, 2**20)


def test_other_media_types_are_refused() -> None:
    with pytest.raises(UnsupportedMediaType) as raised:
        read_document(b"<a/>", "application/xml", 100)
    assert raised.value.problem().status == 415


def test_keys_that_stand_twice_are_found_in_linear_time() -> None:
    """256 kB of them took ten seconds: each key was counted through all the others."""
    keys = ",".join(f'"k{number}":1' for number in range(20_000))
    started = time.process_time()
    with pytest.raises(InvalidRequest):
        read_document(f'{{{keys},"k19999":2}}'.encode(), "application/json", 2**20)
    assert time.process_time() - started < 1
