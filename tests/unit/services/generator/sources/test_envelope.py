"""A good answer stays one, whatever its server puts beside it."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import orjson
import pytest

from services.generator.calls.call import Answer
from services.generator.sources.answer import read
from services.generator.sources.envelope import MALFORMED, from_body, from_stream
from services.generator.sources.errors import Cause, SourceError
from services.generator.sources.packed import unpacked
from services.generator.sources.transport import Reply


def body(**fields: Any) -> Answer:
    choice = {"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    usage = fields.pop("usage", {"prompt_tokens": 9, "completion_tokens": 4})
    return from_body(orjson.dumps({"choices": [choice | fields], "usage": usage}), "s")


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 12.0, "completion_tokens": 30.0}, (12, 30)),
        ({"prompt_tokens": "12", "completion_tokens": "30"}, (12, 30)),
        ({"prompt_tokens": None}, (0, 0)),
        ({"prompt_tokens": -4, "completion_tokens": 1e300}, (0, 0)),
        ({"prompt_tokens": True, "completion_tokens": {"total": 1}}, (0, 0)),
        ({"prompt_tokens": "nine", "completion_tokens": [1]}, (0, 0)),
        ({"input_tokens": 3}, (0, 0)),
        ([9, 4], (0, 0)),
        ("many", (0, 0)),
        (None, (0, 0)),
    ],
)
def test_counts_that_cannot_be_read_are_unknown(usage: Any, counts: tuple[int, int]) -> None:
    answer = body(usage=usage)
    assert (answer.text, answer.tokens_in, answer.tokens_out) == ("Hi", *counts)


@pytest.mark.parametrize("finish", ["stop", "STOP", 0, None, ["stop"], {"type": "end"}, "surprise"])
def test_any_finish_word_is_tolerated(finish: Any) -> None:
    assert body(finish_reason=finish).text == "Hi"


@pytest.mark.parametrize(
    ("message", "text", "thought"),
    [
        ({"content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": " you"}]}, "Hi you", ""),
        (
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}, {"text": "Hi"}]},
            "Hi",
            "Hm",
        ),
        ({"content": [None, {"type": "output_text", "text": "Hi"}, {"type": "image_url"}]}, "Hi", ""),
        ({"content": "Hi", "reasoning_content": "Hm"}, "Hi", "Hm"),
        ({"content": "Hi", "reasoning": "Hm", "reasoning_details": [{}]}, "Hi", "Hm"),
        ({"content": None, "reasoning_content": "Hm"}, "", "Hm"),
        ({"role": "assistant"}, "", ""),
        ({"content": "Hi", "tool_calls": None, "annotations": [], "audio": 7}, "Hi", ""),
    ],
)
def test_words_and_thoughts_of_a_message(message: dict[str, Any], text: str, thought: str) -> None:
    answer = read(body(message=message))
    assert (answer.text, answer.thought) == (text, thought)


@pytest.mark.parametrize("content", [7, {"text": "Hi"}, [7], ["Hi"], [[]]])
def test_what_is_no_text_is_none(content: Any) -> None:
    with pytest.raises(MALFORMED):
        body(message={"content": content})


def test_half_a_surrogate_pair_is_a_replacement_character() -> None:
    data = b'{"choices":[{"message":{"content":"the \\ud83d kite"},"finish_reason":"stop"}]}'
    assert from_body(data, "s").text == "the � kite"
    whole = b'{"choices":[{"message":{"content":"\\ud83d\\ude00"},"finish_reason":"stop"}]}'
    assert from_body(whole, "s").text == "😀"


ONE = 'data: {"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}'
END = 'data: {"choices":[{"index":0,"delta":{"content":" you"},"finish_reason":"stop"}]}'


@pytest.mark.parametrize(
    "between",
    ["data: null", "data:", "data: 7", 'data: {"choices":[null]}', 'data: {"error":null}', ": ping",
     'data: {"choices":null,"usage":"none"}', 'data: {"choices":[{"index":1,"delta":{"content":"x"}}]}',
     'data: {"choices":[{"index":0,"delta":null}]}'],
)  # fmt: skip
@pytest.mark.parametrize("done", ["data: [DONE]", "data:[DONE]\r", ""])
def test_what_stands_between_the_words_of_a_stream(between: str, done: str) -> None:
    answer = from_stream("\n\n".join((ONE, between, END, done)).encode(), "s")
    assert (answer.text, answer.finish_reason) == ("Hello you", "stop")


def test_a_streams_thoughts_and_parts() -> None:
    think = 'data: {"choices":[{"index":0,"delta":{"reasoning_content":"Hm"}}]}'
    part = 'data: {"choices":[{"delta":{"content":[{"type":"text","text":"Hi"}]},"finish_reason":"stop"}]}'
    answer = read(from_stream("\n\n".join((think, part)).encode(), "s"))
    assert (answer.text, answer.thought) == ("Hi", "Hm")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_packed_answer_is_unpacked(coding: str) -> None:
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}[coding](b"words")
    assert unpacked(Reply(200, {"content-encoding": coding}, packed)).body == b"words"


@pytest.mark.parametrize(
    ("coding", "packed", "reason"),
    [
        ("br", b"words", Cause.SERVER_ERROR),
        ("gzip", b"words", Cause.SERVER_ERROR),
        ("gzip", gzip.compress(b"words" * 99)[:-12], Cause.CUT),
    ],
    ids=["unknown", "not packed", "cut short"],
)
def test_a_packing_that_cannot_be_read_is_named(coding: str, packed: bytes, reason: Cause) -> None:
    with pytest.raises(SourceError, match=coding if reason is not Cause.CUT else "early") as raised:
        unpacked(Reply(200, {"content-encoding": coding}, packed))
    assert raised.value.reason is reason
