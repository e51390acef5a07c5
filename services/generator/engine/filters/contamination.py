"""Refuses rows that hold a row of the held-out set: the test must stay a test."""

from __future__ import annotations

from collections.abc import Iterable

from services.generator.engine.stage import Draft, Filter, Refusal, Reject
from shared.text.contamination import HeldOut, compared_text


class ContaminationFilter(Filter):
    """Whether a draft's row holds a held-out text, as `shared/text/contamination.py` says; all of the row is
    looked at, whatever part of it the model wrote."""

    def __init__(self, held_out: Iterable[str], size: int, share: float) -> None:
        self._held_out = HeldOut(held_out, size, share)

    def judge(self, draft: Draft) -> Reject | None:
        held = self._held_out.held_by(compared_text(draft.row) or draft.text)
        if not held:
            return None
        most = max(held, key=lambda one: one.share)
        detail = f"holds {most.share:.0%} of row {most.test} of the held-out set, “{most.shown}” among it"
        return Reject(Refusal.CONTAMINATION, detail, draft.text, draft.origin)
