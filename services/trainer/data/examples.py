"""A row in tokens: what the model reads, and what it must predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One row in tokens: the model reads `prompt + completion`; the loss is on `completion` (or on all
    tokens).

    `group` names the context that several rows share; their prompts then start with the same `shared` tokens.
    `gaps` are stretches of the completion that are given and not learned (the user's next turns): places in
    `ids`, in order, from the first to behind the last.
    `weight` is what each of its predicted tokens counts in the loss of a training, beside the other rows'.
    """

    row: str
    prompt: Ids
    completion: Ids
    group: str | None = None
    shared: int = 0
    gaps: tuple[tuple[int, int], ...] = ()
    is_chat: bool = False
    """Whether the learned stretches are an assistant's turns."""
    weight: float = 1.0

    @property
    def ids(self) -> Ids:
        return self.prompt + self.completion

    @property
    def predicted(self) -> int:
        """Learned tokens that have a predecessor to be predicted from."""
        return len(self.completion) - (not self.prompt) - sum(end - start for start, end in self.gaps)

    @property
    def runs(self) -> list[tuple[int, int]]:
        """Where the learned stretches begin and end in `ids`: one, or one for each of a chat's turns."""
        begins = [len(self.prompt), *(end for _, end in self.gaps)]
        ends = [*(start for start, _ in self.gaps), len(self)]
        return [run for run in zip(begins, ends, strict=True) if run[0] < run[1]]

    def targets(self, first: int) -> Sequence[int]:
        """The places of the tokens that are predicted when the loss is on the learned ones: those of the runs
        from place `first` on."""
        if not self.gaps:
            return range(max(first, len(self.prompt)), len(self))
        return [place for start, end in self.runs for place in range(max(start, first), end)]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)
