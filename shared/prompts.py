"""The very prompts behind generated rows, as the part `prompts.jsonl` keeps them, each once.

    {"piece": <hash>, "text": …}        a long paragraph that prompts share: a context, an example
    {"prompt": <hash>, "turns": [{"role": …, "paragraphs": [<text> or {"piece": <hash>}, …]}, …]}

A prompt's hash is the `prompt_hash` in the `origin` of its rows; `role` is "" for a text that is continued.
Its paragraphs are joined with blank lines. A piece comes before the first prompt that shows it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

SHARED_FROM = 200
"""Characters from which on a paragraph is kept once."""
_GAP = "\n\n"
Turns = str | Sequence[tuple[str, str]]
"""A text, or (role, content) of each turn."""


class PromptBook:
    """Writes the lines of prompts; remembers 16 bytes of each piece and prompt that it has written."""

    def __init__(self) -> None:
        self._pieces: set[bytes] = set()
        self._prompts: set[str] = set()

    def lines(self, name: str, turns: Turns) -> list[bytes]:
        """The lines of a prompt, those of its new pieces first; none where it was written before."""
        if name in self._prompts:
            return []
        self._prompts.add(name)
        lines: list[bytes] = []
        shown = [("", turns)] if isinstance(turns, str) else turns
        written = [{"role": role, "paragraphs": self._paragraphs(content, lines)} for role, content in shown]
        lines.append(_line({"prompt": name, "turns": written}))
        return lines

    def _paragraphs(self, content: str, lines: list[bytes]) -> list[str | dict[str, str]]:
        paragraphs: list[str | dict[str, str]] = []
        for text in content.split(_GAP):
            if len(text) < SHARED_FROM:
                paragraphs.append(text)
                continue
            name = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
            if name.digest() not in self._pieces:
                self._pieces.add(name.digest())
                lines.append(_line({"piece": name.hexdigest(), "text": text}))
            paragraphs.append({"piece": name.hexdigest()})
        return paragraphs


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def prompts_of(wanted: Iterable[str], read: Callable[[], Iterable[Mapping[str, Any]]]) -> dict[str, str]:
    """The prompts with these hashes, as people read them. `read` goes through the part's rows; it is called
    twice, for memory holds only what is asked for."""
    names = set(wanted)
    found = {row["prompt"]: row["turns"] for row in read() if row.get("prompt") in names}
    pieces = {
        paragraph["piece"]
        for turns in found.values()
        for turn in turns
        for paragraph in turn["paragraphs"]
        if not isinstance(paragraph, str)
    }
    texts = {row["piece"]: row["text"] for row in read() if row.get("piece") in pieces} if pieces else {}
    return {name: _shown(turns, texts) for name, turns in found.items()}


class KeptPrompts:
    """All prompts of a part, to be read in any order. Memory holds each piece once."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._pieces: dict[str, str] = {}
        self._turns: dict[str, Sequence[Mapping[str, Any]]] = {}
        for row in rows:
            if "piece" in row:
                self._pieces[row["piece"]] = row["text"]
            else:
                self._turns[row["prompt"]] = row["turns"]

    def get(self, name: str) -> str | None:
        """The prompt with that hash, as people read it; None where it is not kept."""
        turns = self._turns.get(name)
        return None if turns is None else _shown(turns, self._pieces)


def _shown(turns: Sequence[Mapping[str, Any]], texts: Mapping[str, str]) -> str:
    shown: list[str] = []
    for turn in turns:
        paragraphs = (part if isinstance(part, str) else texts[part["piece"]] for part in turn["paragraphs"])
        content = _GAP.join(paragraphs)
        shown.append(f"[{turn['role']}]\n{content}" if turn["role"] else content)
    return _GAP.join(shown)
