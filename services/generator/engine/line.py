"""One stage on its way through a stream: which of its candidates are out, which wait for those before them,
and the decisions, in the order of their numbers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.generator.engine.hopeless import CONFIDENCE, FEWEST, is_hopeless, told, upper_rate
from services.generator.engine.record import StageRecord
from services.generator.engine.stage import Draft, Refusal, Reject, Stage

AHEAD = 1.1
"""Calls under way, in multiples of what the sources take at once: a few wait, so that no place stays
empty."""
AHEAD_WITH_PREFIXES = 4.0
"""The same where calls wait for the leader of their prefix."""

Outcome = Sequence[Draft | Reject]


@dataclass(frozen=True, slots=True)
class Result:
    """How a stage ended: `short` says why it has fewer rows than wanted ("" when it has them all)."""

    accepted: int
    candidates: int
    short: str = ""


class Line:
    """`finished` is as of the last decision; a finished line may still have candidates out."""

    def __init__(self, stage: Stage, record: StageRecord) -> None:
        self.stage = stage
        self.record = record
        self.next = record.progress.decided
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.ready: dict[int, Outcome] = {}
        self.ahead = (AHEAD_WITH_PREFIXES if stage.shares_prefixes else AHEAD) / stage.calls_at_once
        self.finished = self._is_finished()
        self._server_said = ""
        self._examples: dict[str, Reject] = {}
        """One refused candidate for each reason."""

    def _is_finished(self) -> bool:
        if self._complete() or self.record.progress.decided >= self.stage.max_candidates:
            return True
        return self._is_hopeless()

    def _is_hopeless(self) -> bool:
        """Whether what is left will not do; a stage that need not be full is hopeless without any row."""
        stage, progress = self.stage, self.record.progress
        if not stage.must_fill:
            return not progress.accepted and progress.decided >= FEWEST
        brought, missing = progress.accepted, stage.wanted - progress.accepted
        left = stage.max_candidates - progress.decided
        return is_hopeless(brought / stage.rows_each, progress.decided, missing / stage.rows_each, left)

    def _complete(self) -> bool:
        return self.record.progress.accepted >= self.stage.wanted or bool(
            self.stage.enough(self.record.progress.decided)
        )

    @property
    def undecided(self) -> int:
        return self.next - self.record.progress.decided

    @property
    def has_news(self) -> bool:
        """Whether the next candidate in line is there."""
        return self.record.progress.decided in self.ready and not self.finished

    def wants(self) -> int:
        """Candidates that could be needed, beside those that are out already."""
        if self.finished:
            return 0
        stage, progress = self.stage, self.record.progress
        undecided = self.next - progress.decided
        missing = stage.wanted - progress.accepted
        if stage.rows_each > 1:
            missing = math.ceil(missing / self._rows_each())
        wanted = min(missing - undecided, stage.max_candidates - self.next)
        return min(wanted, stage.lookback - undecided) if stage.lookback else wanted

    def _rows_each(self) -> float:
        """Rows that a candidate brings: as announced at first, then as observed."""
        progress = self.record.progress
        return max(1.0, progress.accepted / progress.decided) if progress.decided else self.stage.rows_each

    def history(self, number: int) -> int:
        """Rows accepted when candidate `number` − lookback was decided."""
        lookback, history = self.stage.lookback, self.record.progress.history
        if not lookback or number < lookback:
            return 0
        oldest = self.record.progress.decided - len(history)
        return history[number - lookback - oldest]

    def decide(self) -> None:
        """Judge every candidate that is next in line."""
        progress = self.record.progress
        while not (finished := self._is_finished()) and progress.decided in self.ready:
            number = progress.decided
            outcomes = self.ready.pop(number)
            self.record.read(outcome.origin for outcome in outcomes)
            for part, outcome in enumerate(outcomes):
                self._judge(outcome, number, part)
            progress.decided += 1
            if self.stage.lookback:
                progress.history = [*progress.history[-(self.stage.lookback - 1) :], progress.accepted]
        self.finished = finished

    def _judge(self, outcome: Draft | Reject, number: int, part: int, *, ended: bool = False) -> None:
        if isinstance(outcome, Reject):
            self._examples.setdefault(str(outcome.reason), outcome)
            if outcome.reason is Refusal.SOURCE_REFUSED:
                self._server_said = outcome.detail
            self.record.reject(outcome, number)
            return
        refused = self.stage.judge(outcome)
        if refused is None and (ended or self._complete()):
            refused = Reject(
                Refusal.SURPLUS,
                "the rows were there already, or it was given up",
                outcome.text,
                outcome.origin,
            )
        if refused is not None:
            self._examples.setdefault(str(refused.reason), refused)
            self.record.reject(refused, number)
            return
        self.stage.accepted(outcome)
        self.record.accept(outcome, number, part)

    def keep_surplus(self) -> None:
        """Candidates that were under way when the line ended: paid for, so kept, as rejects."""
        for number in sorted(self.ready):
            for part, outcome in enumerate(self.ready.pop(number)):
                self._judge(outcome, number, part, ended=True)

    def result(self) -> Result:
        progress, stage = self.record.progress, self.stage
        short = ""
        if not self._complete():
            reasons = ", ".join(f"{count} {reason}" for reason, count in progress.refused.most_common())
            short = (
                f"{stage.name}: {progress.accepted} of {stage.wanted} rows after "
                f"{progress.decided} candidates (the limit is {stage.max_candidates}); refused: "
                f"{reasons or 'none'}.{self._why_stopped()}"
            )
            if progress.refused:
                [(most, _)] = progress.refused.most_common(1)
                short += told(most, self._examples.get(most))
            if self._server_said:
                short += f" The last refusal by a source: {self._server_said}"
        return Result(progress.accepted, progress.decided, short)

    def _why_stopped(self) -> str:
        stage, progress = self.stage, self.record.progress
        if progress.decided >= stage.max_candidates:
            return " Raise max_candidates, or loosen what refuses most."
        if not stage.must_fill:
            return " It was stopped: not one of them could be used."
        most = upper_rate(round(progress.accepted / stage.rows_each), progress.decided)
        missing = (stage.wanted - progress.accepted) / stage.rows_each
        needed = missing / (stage.max_candidates - progress.decided)
        if needed > 1:
            return " More are missing than could still come: ask for fewer rows, or loosen what refuses most."
        return (
            f" It was stopped, for nothing hopeless is paid for: at most {most:.1%} of the candidates pass "
            f"(with a confidence of {CONFIDENCE:.1%}), and of those that are left {needed:.1%} would have "
            "to."
        )
