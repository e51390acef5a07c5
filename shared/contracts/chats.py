"""Chats: what a row of kind `chat` holds, and what of it is a text.

A row is {messages, tools}. Messages are in the order of the chat, in OpenAI's words; `tools` are the
functions that the assistant could call, where there are any. Everything that reads a chat as a text reads it
here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from pydantic import Field

Role = Literal["system", "user", "assistant", "tool"]
Turns = Annotated[
    Literal["assistant", "user", "whole"],
    Field(
        description="Of `chat` rows, whose turns are the text: what the assistant says and calls, what the "
        "user says, or every message."
    ),
]


class CalledFunction(TypedDict):
    """A function by name, with its arguments as an object."""

    name: str
    arguments: dict[str, Any]


class ToolCall(TypedDict):
    """One call that an assistant's turn makes."""

    type: Literal["function"]
    function: CalledFunction
    id: NotRequired[str]


class ChatMessage(TypedDict):
    """One message. `content` is there for every message, and may be blank where `tool_calls` are.

    `reasoning_content` is what the assistant thought before it spoke; `weight: 0` is a turn that nothing is
    learned from; `tool_call_id` and `name` say which call a `tool` message answers.
    """

    role: Role
    content: str
    reasoning_content: NotRequired[str]
    tool_calls: NotRequired[list[ToolCall]]
    tool_call_id: NotRequired[str]
    name: NotRequired[str]
    weight: NotRequired[int]


def said(messages: Sequence[Mapping[str, Any]], turns: str = "assistant") -> str:
    """The text of a chat: the contents of its messages, or of one role's, a line between two. Calls are text
    too (`name {arguments}`); thoughts are not."""
    return "\n".join(
        text for message in messages if turns in ("whole", message["role"]) and (text := said_by(message))
    )


def exchanged(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the user and the assistant say: what must not be in a test set and a training set. The system
    prompt, which is the same in many chats, and what tools answer stay out."""
    return "\n".join(
        text
        for message in messages
        if message["role"] in ("user", "assistant") and (text := said_by(message))
    )


def said_by(message: Mapping[str, Any]) -> str:
    """One message as a text."""
    calls = [
        f"{call['function']['name']} {json.dumps(call['function']['arguments'], ensure_ascii=False)}"
        for call in message.get("tool_calls") or ()
    ]
    return "\n".join(part for part in (str(message["content"]), *calls) if part)


def is_learnable(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an assistant says or calls something, in a turn that may be learned from."""
    return any(
        message["role"] == "assistant" and message.get("weight") != 0 and said_by(message).strip()
        for message in messages
    )
