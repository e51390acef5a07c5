"""Messages as files have them, in the words of `shared.contracts.chats`.

Read are OpenAI's (`role`, `content`, `tool_calls`, also the older `function_call`), ShareGPT's (`from`,
`value`), contents in parts of which all are text, arguments of calls as an object or as JSON, and prompts and
completions that are messages themselves. What a model cannot be trained on here (images, sound) is refused by
name; other fields of a message are left out, and counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from shared.contracts.chats import ChatMessage, Role, ToolCall

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "function_response": "tool",
    "observation": "tool",
}
_OURS = frozenset(ROLES.values())
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")
_READ = frozenset(
    (
        "role",
        "from",
        "content",
        "value",
        "tool_calls",
        "function_call",
        "tool_call_id",
        "name",
        "weight",
        *_THOUGHTS,
    )
)


class BadMessage(ValueError):
    """Why something is no chat, and what it may be instead."""


class ChatReader:
    """Reads the chats of one file; `left_out` counts the fields of messages that were not kept."""

    def __init__(self) -> None:
        self.left_out: dict[str, int] = {}

    def messages(self, found: Any) -> list[ChatMessage]:
        """The messages of a `messages` column. Raises BadMessage, with the place."""
        if isinstance(found, str):
            found = _parsed(found, "messages")
        if not isinstance(found, list) or not found:
            raise BadMessage("messages are a list of {role, content}, with one at least")
        return [self._placed(number, message) for number, message in enumerate(found)]

    def pair(self, system: Any, prompt: Any, completion: Any) -> list[ChatMessage]:
        """A prompt and its completion, each a text or messages itself, as one chat."""
        return [
            *self._part("system", system),
            *self._part("user", prompt),
            *self._part("assistant", completion),
        ]

    def with_system(self, system: Any, messages: list[ChatMessage]) -> list[ChatMessage]:
        """The chat behind the system prompt that its row has in a column of its own."""
        return [*self._part("system", system), *messages]

    def _part(self, role: Role, found: Any) -> list[ChatMessage]:
        if isinstance(found, list):
            return self.messages(found)
        if found is None or found == "":
            return [] if role == "system" else [{"role": role, "content": ""}]
        if not isinstance(found, str):
            raise BadMessage(f"the {role}'s turn must be text or messages")
        return [{"role": role, "content": found}]

    def _placed(self, number: int, message: Any) -> ChatMessage:
        try:
            return self._message(message)
        except BadMessage as error:
            raise BadMessage(f"message {number}: {error}") from error

    def _message(self, message: Any) -> ChatMessage:
        if not isinstance(message, dict):
            raise BadMessage("it is no object: write {role, content}")
        if len(message) == 2 and message.get("role") in _OURS and type(message.get("content")) is str:
            return cast(ChatMessage, message)  # most messages: there is nothing to do
        given = message.get("role") or message.get("from")
        role = ROLES.get(given) if isinstance(given, str) else None
        if role is None:
            raise BadMessage(f"its role is {given!r}: it must be system, user, assistant or tool")
        content = message.get("content")
        if content is None:
            content = message.get("value")
        calls = message.get("tool_calls")
        if isinstance(calls, str):  # as tables hold them, whose arguments have no one type
            calls = _parsed(calls, "tool_calls") if calls.strip() else None
        if given == "function_call":
            content, calls = None, [_parsed(content, "the call")]
        elif not calls and message.get("function_call"):
            calls = [message["function_call"]]
        made: ChatMessage = {"role": role, "content": _text(content, role)}
        if calls:
            made["tool_calls"] = [_call(call) for call in _listed(calls)]
        elif content is None:
            raise BadMessage("it has neither content nor tool_calls")
        self._add_rest(message, made)
        return made

    def _add_rest(self, message: Mapping[str, Any], made: ChatMessage) -> None:
        for name in _THOUGHTS:
            thought = message.get(name)
            if isinstance(thought, str) and thought and "reasoning_content" not in made:
                made["reasoning_content"] = thought
        for field in ("tool_call_id", "name"):
            if isinstance(message.get(field), str):
                cast(dict[str, Any], made)[field] = message[field]
        if message.get("weight") is not None:
            if message["weight"] not in (0, 1):
                raise BadMessage("its weight is 0 (nothing is learned from it) or 1")
            made["weight"] = int(message["weight"])
        for name in message.keys() - _READ:
            if message[name] not in (None, [], ""):
                field = f"messages[].{name}"
                self.left_out[field] = self.left_out.get(field, 0) + 1


def read_tools(found: Any) -> list[dict[str, Any]]:
    """The functions of a `tools` column, in OpenAI's form. Raises BadMessage."""
    if isinstance(found, str):
        found = _parsed(found, "tools") if found.strip() else []
    tools = [
        {"type": "function", "function": tool} if isinstance(tool, dict) and "function" not in tool else tool
        for tool in _listed(found or [])
    ]
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise BadMessage("a tool is {type: function, function: {name, description, parameters}}")
    return tools


def _text(content: Any, role: Role) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(_part_texts(content))
    if role == "tool":
        return json.dumps(content, ensure_ascii=False)
    raise BadMessage("its content is no text")


def _part_texts(parts: Iterable[Any]) -> Iterator[str]:
    for part in parts:
        text = part if isinstance(part, str) else part.get("text") if isinstance(part, Mapping) else None
        if not isinstance(text, str):
            kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
            raise BadMessage(f"its content has a part of type {kind!r}, and only text can be learned here")
        yield text


def _call(call: Any) -> ToolCall:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise BadMessage("a tool call is {function: {name, arguments}}")
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        arguments = _parsed(arguments, "the arguments of a call") if arguments.strip() else {}
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise BadMessage("the arguments of a call are a JSON object")
    made: ToolCall = {"type": "function", "function": {"name": function["name"], "arguments": arguments}}
    if isinstance(call.get("id"), str):
        made["id"] = call["id"]
    return made


def _listed(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise BadMessage("tools and tool calls are lists")
    return found


def _parsed(text: Any, what: str) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise BadMessage(f"{what} should be JSON, and cannot be read ({error})") from error
