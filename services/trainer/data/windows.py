"""Rows beyond the model's context cut to fit it, by request: what is to be learned is never shortened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from services.trainer.data.examples import Example, Ids
from services.trainer.errors import OverLongRows


def window_all(examples: Sequence[Example], limit: int, lead: Ids) -> Iterator[Example]:
    """All rows, none longer than `limit` tokens; `lead` is what the tokenizer puts before every text. Raises
    OverLongRows for what no window makes short enough.
    """
    longest_pair: dict[str | None, int] = {}
    for example in examples:
        longest_pair[example.group] = max(longest_pair.get(example.group, 0), len(example) - example.shared)
    for example in examples:
        if len(example) <= limit and not example.shared:
            yield example
        elif example.shared:
            yield _cut_context(example, min(example.shared, limit - longest_pair[example.group]))
        elif example.prompt != lead:
            yield _cut_prompt(example, limit, lead)
        else:
            yield from _split_text(example, limit)


def _cut_context(example: Example, keep: int) -> Example:
    """A `qa` row whose context keeps its first `keep` tokens, the same for all pairs of the context."""
    if keep < 1:
        raise OverLongRows([example.row], len(example), len(example) - example.shared + keep, windowed=True)
    return replace(example, prompt=example.prompt[:keep] + example.prompt[example.shared :], shared=keep)


def _cut_prompt(example: Example, limit: int, lead: Ids) -> Example:
    """A `completion` row that keeps its whole completion and the newest tokens of its prompt."""
    keep = limit - len(lead) - len(example.completion)
    if keep < 1:
        raise OverLongRows([example.row], len(example), limit, windowed=True)
    return replace(example, prompt=lead + example.prompt[-keep:])


def _split_text(example: Example, limit: int) -> Iterator[Example]:
    """A `text` row in consecutive windows; a window's last token opens the next, so that every token is
    predicted.
    """
    ids = example.ids
    lead = len(example.prompt)
    starts = range(0, len(ids) - 1, limit - 1)
    for number, start in enumerate(starts):
        given = lead if number == 0 else 1
        window = ids[start : start + limit]
        row = f"{example.row}#{number}"
        yield replace(example, row=row, prompt=window[:given], completion=window[given:])
