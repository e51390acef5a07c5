"""What a strategy gives to the stream: candidates by number, and what to make of their answers.

A candidate is a pure function of the request and its number, so that any number can be made at any time: a
resumed job goes on at the first undecided one, and no cursor has to be kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.generator.calls.call import Answer, Call
from services.generator.engine.asking import Ask
from shared.datasets import Row as Row


class Refusal(StrEnum):
    """Why a candidate is not in the dataset."""

    PARSE = "parse"
    """The answer does not have the form that was asked for."""
    LENGTH = "length"
    """Shorter or longer than the seeds, or cut at max_tokens."""
    NEAR_DUPLICATE = "near_duplicate"
    """Too like a row accepted before."""
    CHATTER = "chatter"
    """It talks to whoever asked: "Sure! Here is …:", "Let me know if …"."""
    ECHO = "echo"
    """It repeats a run of words of its own prompt: an example, or what was asked."""
    ONLY_THOUGHT = "only_thought"
    """The model reasoned, and no answer came after it."""
    REFUSAL = "refusal"
    """The model declined to answer."""
    CONTAMINATION = "contamination"
    """Shares a long word sequence with the held-out set."""
    SOURCE_REFUSED = "source_refused"
    """The server refused the prompt, or failed on it every time."""
    REPLACED = "replaced"
    """Good, but a paraphrase took its place (W's m_r)."""
    SURPLUS = "surplus"
    """Good, but N rows were there already."""


@dataclass(slots=True)
class Draft:
    """A parsed candidate: the columns of its row, the text that filters judge, and where it came from."""

    row: Row
    text: str
    origin: Row


@dataclass(slots=True)
class Reject:
    """A refused candidate, with what was received."""

    reason: Refusal
    detail: str
    text: str = ""
    origin: Row = field(default_factory=dict)

    def as_row(self, candidate: int) -> Row:
        return {
            "candidate": candidate,
            "reason": str(self.reason),
            "detail": self.detail,
            "text": self.text,
            "origin": self.origin,
        }


class Filter(ABC):
    """Judges drafts in the order of their numbers. What it remembers of accepted drafts survives a restart;
    `remembers` says whether it does: such a filter must not be asked out of that order."""

    remembers = False

    @abstractmethod
    def judge(self, draft: Draft) -> Reject | None: ...

    def accepted(self, draft: Draft) -> None:  # noqa: B027  # most filters remember nothing
        """The draft is in the dataset."""

    def take_state(self) -> bytes:
        """What is to be kept of the drafts accepted since the last call; empty for nothing."""
        return b""

    def load_state(self, states: Sequence[bytes]) -> None:  # noqa: B027
        """All that `take_state` gave before the restart, in order."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A call as it would be made, and how many of the stage's calls are like it: as expected, at least (all
    of them where unset), and at most (where unset, as many as the acceptance rate leaves open)."""

    call: Call
    count: float
    fewest: float | None = None
    most: float | None = None


@dataclass(frozen=True, slots=True)
class CallBounds:
    """Calls of a run that finds no answer kept by an earlier one: the `fewest` with which it can succeed, and
    the `most` it makes however it ends."""

    fewest: int
    most: int

    def __add__(self, other: CallBounds) -> CallBounds:
        return CallBounds(self.fewest + other.fewest, self.most + other.most)


class Stage(ABC):
    """One stream of candidates.

    `wanted` rows are accepted exactly; at most `max_candidates` candidates are tried. `rows_each` is how
    many rows a candidate is expected to bring and `most_rows_each` how many at most, `calls_each` how many
    calls it makes at most, `calls_at_once` how many of them it has out at a time;
    `shares_prefixes` says that calls of different candidates share long prefixes. With `lookback` L > 0
    candidate i is made only after candidate i − L was decided, and may use what was accepted up to then
    (`history` rows): state without barriers, and the same in every run.
    """

    name: str
    wanted: int
    max_candidates: int
    rows_each: float = 1.0
    most_rows_each: int = 1
    calls_each: int = 1
    calls_at_once: int = 1
    shares_prefixes: bool = False
    lookback: int = 0
    filters: Sequence[Filter] = ()
    must_fill: bool = True
    """Whether fewer rows than wanted are none; a measurement makes do with what there is."""

    @abstractmethod
    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        """Ask for candidate `number` and parse what comes. Lets `SourceError` and `NoSource` pass."""

    @abstractmethod
    def outline(self, samples: int) -> Sequence[Sample]:
        """The calls that the stage expects to make if nothing is refused, each kind by some real prompts."""

    def call_bounds(self) -> CallBounds:
        """Follows from the same limits that end the run. A stage that is allowed too few candidates for its
        rows makes all those calls, and ends short."""
        most = self.max_candidates * self.calls_each
        return CallBounds(min(-(-self.wanted // self.most_rows_each), most), most)

    def judge(self, draft: Draft) -> Reject | None:
        """The first objection to a draft, or None. Called in the order of the candidates' numbers."""
        for judge in self.filters:
            refused = judge.judge(draft)
            if refused is not None:
                return refused
        return None

    def accepted(self, draft: Draft) -> None:
        """A draft is in the dataset."""
        for judge in self.filters:
            judge.accepted(draft)

    def enough(self, decided: int) -> str:
        """Why the stage may end with so many candidates decided, before it has all its rows; "" while it may
        not."""
        return ""

    def restore(self, rows: Sequence[Row]) -> None:  # noqa: B027
        """Rows accepted before a restart. Only called when `needs_rows`."""

    needs_rows: bool = False


def origin(call: Call, answer: Answer, topic: str | None = None) -> Row:
    """Where a row came from, as it is written into the row; with what was taken off the answer, and the
    thought before it where the job keeps thoughts."""
    read: Row = {"taken_off": list(answer.taken)} if answer.taken else {}
    if answer.thought:
        read["thought"] = answer.thought
    return {
        "source": answer.source,
        "model": call.model.name,
        "revision": call.model.revision,
        "prompt_hash": answer.key.hex(),
        "topic": topic,
        "seed": call.seed,
        "finish_reason": answer.finish_reason,
        "tokens": answer.tokens_out,
        **read,
    }
