"""Response bodies in OpenAI's format: whole answers and stream chunks."""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedTokenizerFast

from standin.server.sequence import Sequence

Json = dict[str, Any]


def usage(rows: list[Sequence], choices: int) -> Json:
    """Token counts; a prompt counts once however many choices it has. End tokens count as written."""
    prompt = sum(len(row.prompt_ids) for row in rows[::choices])
    completion = sum(len(row.token_ids) for row in rows)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


@dataclass
class Answer(ABC):
    """What completions and chat answers share; `sent` and `counted` are how far a stream has come, per
    row."""

    model: str
    rows: list[Sequence]
    choices: int
    tokenizer: PreTrainedTokenizerFast
    prefix: str = "cmpl"
    kind: str = "text_completion"
    chunk_kind: str = "text_completion"
    include_usage: bool = False
    created: int = field(default_factory=lambda: int(time.time()))

    def __post_init__(self) -> None:
        self.id = f"{self.prefix}-{uuid.uuid4().hex}"
        self._sent = [0] * len(self.rows)
        self._counted = [0] * len(self.rows)
        self._ended = [False] * len(self.rows)

    def whole(self) -> Json:
        choices = [
            self.choice(index, row, row.text)
            | {"logprobs": self.logprobs(row, 0), "finish_reason": row.finish_reason}
            for index, row in enumerate(self.rows)
        ]
        return self._envelope(self.kind, choices) | {"usage": usage(self.rows, self.choices)}

    def chunks(self) -> Iterator[Json]:
        """What is new in each row since the last call."""
        for index, row in enumerate(self.rows):
            finished = row.finish_reason  # read before the text: the other thread writes it after
            text, tokens = row.settled(), len(row.token_ids)
            if self._ended[index] or not (finished or text[self._sent[index] :]):
                continue
            delta = self.delta(index, row, text[self._sent[index] :])
            logprobs = self.logprobs(row, self._counted[index], tokens)
            yield self._chunk([delta | {"logprobs": logprobs, "finish_reason": finished}])
            self._sent[index], self._counted[index], self._ended[index] = len(text), tokens, bool(finished)

    def opening(self) -> Iterator[Json]:
        """Chunks before the first token."""
        return iter(())

    def closing(self) -> Iterator[Json]:
        """Chunks after the last token."""
        if self.include_usage:
            yield self._chunk([]) | {"usage": usage(self.rows, self.choices)}

    @abstractmethod
    def choice(self, index: int, row: Sequence, text: str) -> Json:
        """A whole row in the protocol's shape."""

    @abstractmethod
    def delta(self, index: int, row: Sequence, text: str) -> Json:
        """What is new of a row, in the shape of the protocol's chunks."""

    @abstractmethod
    def logprobs(self, row: Sequence, start: int, end: int | None = None) -> Json | None:
        """Of the tokens from `start` to `end`; None where none were asked for."""

    def _chunk(self, choices: list[Json]) -> Json:
        return self._envelope(self.chunk_kind, choices) | ({"usage": None} if self.include_usage else {})

    def _envelope(self, kind: str, choices: list[Json]) -> Json:
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }

    def token(self, token_id: int) -> str:
        return str(self.tokenizer.decode([token_id]))


@dataclass
class CompletionAnswer(Answer):
    """`text_completion`; with `echo` the prompts come before the texts."""

    echo: list[str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._echoed: set[int] = set()

    def choice(self, index: int, row: Sequence, text: str) -> Json:
        return {"index": index, "text": self._echo(index) + text}

    def delta(self, index: int, row: Sequence, text: str) -> Json:
        echo = "" if index in self._echoed else self._echo(index)
        self._echoed.add(index)
        return {"index": index, "text": echo + text}

    def logprobs(self, row: Sequence, start: int, end: int | None = None) -> Json | None:
        if row.sampling.logprobs is None:
            return None
        span = row.logprobs[start:end]
        return {
            "tokens": [self.token(entry.token_id) for entry in span],
            "token_logprobs": [entry.logprob for entry in span],
            "top_logprobs": [
                {self.token(t): p for t, p in (*entry.top, (entry.token_id, entry.logprob))} for entry in span
            ],
            "text_offset": row.offsets[start : start + len(span)],
        }

    def _echo(self, index: int) -> str:
        return self.echo[index // self.choices] if self.echo else ""


@dataclass
class ChatAnswer(Answer):
    """`chat.completion`: one assistant message per choice."""

    prefix: str = "chatcmpl"
    kind: str = "chat.completion"
    chunk_kind: str = "chat.completion.chunk"

    def choice(self, index: int, row: Sequence, text: str) -> Json:
        return {"index": index, "message": {"role": "assistant", "content": text}}

    def delta(self, index: int, row: Sequence, text: str) -> Json:
        return {"index": index, "delta": {"content": text} if text else {}}

    def opening(self) -> Iterator[Json]:
        for index in range(len(self.rows)):
            delta = {"role": "assistant", "content": ""}
            yield self._chunk([{"index": index, "delta": delta, "logprobs": None, "finish_reason": None}])

    def logprobs(self, row: Sequence, start: int, end: int | None = None) -> Json | None:
        if row.sampling.logprobs is None:
            return None
        return {
            "content": [
                self._entry(entry.token_id, entry.logprob)
                | {"top_logprobs": [self._entry(token, logprob) for token, logprob in entry.top]}
                for entry in row.logprobs[start:end]
            ]
        }

    def _entry(self, token_id: int, logprob: float) -> Json:
        token = self.token(token_id)
        return {"token": token, "logprob": logprob, "bytes": list(token.encode())}
