"""One text being written: its tokens, its visible text, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

FinishReason = Literal["stop", "length", "abort"]


@dataclass(frozen=True)
class Sampling:
    """How to pick one sequence's tokens. Temperature 0 is greedy; `logprobs` is how many rivals to report."""

    max_tokens: int
    temperature: float
    top_p: float
    seed: int
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    ignore_end: bool = False


@dataclass(frozen=True)
class TokenLogprob:
    """A chosen token, its log-probability under the raw distribution, and the likeliest rivals."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...]


@dataclass(eq=False)
class Sequence:
    """A prompt's continuation as it grows; `streamed` says that somebody reads along."""

    prompt_ids: list[int]
    sampling: Sampling
    streamed: bool = False
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    text: str = ""
    finish_reason: FinishReason | None = None
    _decoding: DecodeStream = field(default_factory=lambda: DecodeStream(skip_special_tokens=True))

    def accept(self, token_id: int, tokenizer: Tokenizer, end_id: int) -> None:
        """Take the next token and see whether the text ends with it."""
        self.token_ids.append(token_id)
        self.offsets.append(len(self.text))
        if token_id == end_id and not self.sampling.ignore_end:
            self.finish_reason = "stop"
            return
        grown = self.text + (self._decoding.step(tokenizer, token_id) or "")
        ends = [at for stop in self.sampling.stop if (at := grown.find(stop)) >= 0]
        # One assignment: the event loop reads along and must never see a stop string.
        self.text = grown[: min(ends)] if ends else grown
        if ends:
            self.finish_reason = "stop"
        elif len(self.token_ids) >= self.sampling.max_tokens:
            self.finish_reason = "length"

    def abort(self) -> None:
        """Nobody waits for this text any more."""
        self.finish_reason = self.finish_reason or "abort"

    def settled(self) -> str:
        """The text that no later token can take back: without a tail that may turn into a stop string."""
        finished, text = self.finish_reason is not None, self.text
        if finished:
            return text
        return text[: len(text) - max((_overlap(text, stop) for stop in self.sampling.stop), default=0)]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that is a beginning of `stop`."""
    return next(
        (size for size in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:size])), 0
    )
