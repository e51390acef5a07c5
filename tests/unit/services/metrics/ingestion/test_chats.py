"""Chats, whoever's form they have, are read as one; what cannot be learned from is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from services.metrics.ingestion.canonical import ContextShelf, RowMaker
from services.metrics.ingestion.records import Fault, FileRecord
from shared.contracts.datasets import DatasetKind
from shared.datasets import Row, is_empty, row_text
from shared.text.contamination import compared_text

HELLO = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
WEATHER = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}


def maker(kind: DatasetKind, **columns: str) -> RowMaker:
    return RowMaker(kind, columns, ContextShelf(lambda name, text: None))


def made(row: dict[str, Any], kind: DatasetKind = DatasetKind.CHAT, **columns: str) -> Row:
    found = maker(kind, **columns).row(FileRecord(0, 1, row))
    assert isinstance(found, dict), found
    return found


def faults(row: dict[str, Any], kind: DatasetKind = DatasetKind.CHAT, **columns: str) -> list[Fault]:
    found = maker(kind, **columns).row(FileRecord(0, 1, row))
    assert isinstance(found, list), found
    return found


@pytest.mark.parametrize(
    "row",
    [
        {"messages": HELLO},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, HELLO[1]]},
        {"messages": '[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]'},
        {"messages": [HELLO[0] | {"refusal": None}, HELLO[1] | {"tool_calls": None, "audio": None}]},
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
        {"conversations": HELLO},
        {"prompt": "Hi", "completion": "Hello"},
        {"prompt": [HELLO[0]], "completion": [HELLO[1]]},
        {"prompt": "Hi", "response": "Hello"},
        {"instruction": "Hi", "input": "", "output": "Hello"},
        {"instruction": "Hi", "input": None, "output": "Hello"},
        {"question": "Hi", "answer": "Hello"},
        {"context": "Hi", "completion": "Hello"},
    ],
)
def test_every_layout_is_one_chat(row: dict[str, Any]) -> None:
    assert made(row)["messages"] == HELLO


def test_a_system_prompt_in_a_column_of_its_own_comes_first() -> None:
    found = made({"system": "Be kind.", "conversations": [{"from": "human", "value": "Hi"}]})
    assert found == {
        "id": "0",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}],
    }


def test_calls_and_what_they_give_are_kept_in_one_form() -> None:
    called = [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Rome"}'}}
    ]
    row = {
        "messages": [
            {"role": "user", "content": "Rome?"},
            {"role": "assistant", "content": None, "tool_calls": called, "reasoning_content": "Ask."},
            {"role": "tool", "content": {"degrees": 20}, "tool_call_id": "c1"},
            {"role": "assistant", "content": "20 degrees", "weight": 0},
        ],
        "tools": '[{"name": "weather", "parameters": {}}]',
    }
    found = made(row)
    assert found["messages"][1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [WEATHER | {"id": "c1"}],
            "reasoning_content": "Ask.",
        },
        {"role": "tool", "content": '{"degrees": 20}', "tool_call_id": "c1"},
        {"role": "assistant", "content": "20 degrees", "weight": 0},
    ]
    assert found["tools"] == [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    assert row_text(DatasetKind.CHAT, found) == 'weather {"city": "Rome"}\n20 degrees'
    assert row_text(DatasetKind.CHAT, found, "user") == "Rome?"
    assert compared_text(found) == 'Rome?\nweather {"city": "Rome"}\n20 degrees'


def test_sharegpt_s_calls_are_calls() -> None:
    call = {"from": "function_call", "value": '{"name": "weather", "arguments": {"city": "Rome"}}'}
    found = made({"conversations": [call, {"from": "observation", "value": "20"}]})
    assert found["messages"][0]["tool_calls"] == [WEATHER]
    assert found["messages"][1] == {"role": "tool", "content": "20"}


@pytest.mark.parametrize(
    ("messages", "named"),
    [
        ([], "one at least"),
        ("no json", "cannot be read"),
        ([{"role": "narrator", "content": "x"}], "message 0: its role is 'narrator'"),
        ([HELLO[0], {"role": "assistant"}], "message 1: it has neither content nor tool_calls"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "'image_url'"),
        (["Hi"], "no object"),
        ([{"role": "assistant", "tool_calls": [{"name": "f", "arguments": "x"}]}], "the arguments of a call"),
        ([{"role": "assistant", "content": "x", "weight": 0.5}], "weight"),
    ],
)
def test_what_is_no_chat_is_refused_with_its_message(messages: Any, named: str) -> None:
    (fault,) = faults({"messages": messages})
    assert fault.column == "messages"
    assert named in fault.detail


def test_a_chat_without_an_assistant_s_turn_has_nothing_to_learn() -> None:
    assert is_empty(DatasetKind.CHAT, made({"messages": [HELLO[0]]}))
    assert is_empty(DatasetKind.CHAT, made({"messages": [HELLO[0], HELLO[1] | {"weight": 0}]}))
    assert not is_empty(DatasetKind.CHAT, made({"messages": HELLO}))


def test_alpaca_s_input_reaches_the_context() -> None:
    row = {"instruction": "Add.", "input": "1 and 2", "output": "3"}
    found = made(row, DatasetKind.COMPLETION)
    assert found == {"id": "0", "context": "Add.\n\n1 and 2", "completion": "3"}
    by_hand = made(row, DatasetKind.COMPLETION, context="{instruction}\n\n{input}", completion="output")
    assert by_hand == found


def test_columns_reach_into_others() -> None:
    row = {"context": "c", "question": "q", "answers": {"text": ["a", "b"], "answer_start": [1, 2]}}
    found = made(row, DatasetKind.QA, answer="answers.text[0]")
    assert (found["answer"], found["answers"]) == ("a", row["answers"])
    (fault,) = faults(row, DatasetKind.QA, answer="answers.text[7]")
    assert fault.column == "answers.text[7]"
    assert "there is no column 'answers.text[7]'" in fault.detail


def test_a_row_of_another_kind_is_told_which_it_can_be() -> None:
    (fault,) = faults({"messages": HELLO}, DatasetKind.TEXT)
    assert "it can be of kind chat" in fault.detail


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([1.0, 2.0], ["1", "2"]),
        ([1, None, None], ["1", "row 1", "row 2"]),
        ([1, float("nan")], ["1", "row 1"]),
        ([None, None], ["0", "1"]),
        (["", "x"], ["0", "x"]),
    ],
)
def test_ids_are_the_file_s_own_or_numbers_that_meet_none(ids: list[Any], expected: list[str]) -> None:
    rows = maker(DatasetKind.TEXT)
    found = [rows.row(FileRecord(n, n, {"id": given, "text": "t"})) for n, given in enumerate(ids)]
    assert [row["id"] for row in found if isinstance(row, dict)] == expected


def test_ids_can_be_numbers_whatever_the_file_says() -> None:
    rows = RowMaker(DatasetKind.TEXT, {}, ContextShelf(lambda name, text: None), "number")
    found = [rows.row(FileRecord(n, n, {"id": 1, "text": "t"})) for n in range(2)]
    assert [row["id"] for row in found if isinstance(row, dict)] == ["0", "1"]
    assert rows.left_out == {"id": 2}
