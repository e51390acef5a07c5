"""A row in tokens: what the model reads, and what it must predict."""

from __future__ import annotations

from dataclasses import dataclass

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One row in tokens: the model reads `prompt + completion`; the loss is on `completion` (or on all
    tokens).

    `group` names the context that several rows share; their prompts then start with the same `shared` tokens.
    `weight` is what each of its predicted tokens counts in the loss of a training, beside the other rows'.
    """

    row: str
    prompt: Ids
    completion: Ids
    group: str | None = None
    shared: int = 0
    weight: float = 1.0

    @property
    def ids(self) -> Ids:
        return self.prompt + self.completion

    @property
    def predicted(self) -> int:
        """Completion tokens that have a predecessor to be predicted from."""
        return len(self.completion) - (not self.prompt)

    def __len__(self) -> int:
        return len(self.prompt) + len(self.completion)
