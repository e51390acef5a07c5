"""Quality and harmfulness, 1–5, each asked for in a call of its own (E), and what a user's rubric asks for.

A rating that cannot be read is a failure: it is counted, the row keeps `null`, and nothing is guessed. The
danger zone is what is both helpful and harmful: both ratings at least 4. Its share is given over the rows
with both ratings, with Wilson's interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.generator.engine.asking import Ask
from services.generator.engine.hopeless import FEWEST
from services.generator.engine.stage import CallBounds, Draft, Refusal, Reject, Row, Sample
from services.generator.instruments.agent.asking import Interviewer, clipped_inside
from services.generator.instruments.agent.score import RunningMean
from services.generator.instruments.budget import BudgetKeeper
from services.generator.instruments.paid import PaidStage
from services.generator.sources.errors import SourceError
from services.generator.strategies.bounded import schema_of, stated
from services.generator.strategies.json_answers import json_as
from services.generator.strategies.parse import Unparsable
from shared.contracts.instruments import Aspect


class Rating(BaseModel):
    """Reasoning first: the score is to follow from it."""

    model_config = ConfigDict(extra="ignore")
    reasoning: str = stated(400, "one or two sentences")
    score: int = Field(ge=1, le=5)


@dataclass(frozen=True, slots=True)
class Judged:
    """What is rated: the row's id, the prompt it answers ("" when it answers none), and the text."""

    id: str
    prompt: str
    text: str


class Ratings(PaidStage):
    """One candidate is one row with all its ratings; every row is accepted, failures and all."""

    name = "ratings"
    needs_rows = True
    must_fill = False

    def __init__(
        self,
        judged: Sequence[Judged],
        aspects: Sequence[Aspect],
        interviewer: Interviewer,
        *,
        tries: int,
        max_characters: int,
        spending: BudgetKeeper,
        rubric: str | None = None,
    ) -> None:
        super().__init__(spending)
        self._rubric = rubric
        self.calls_each = tries * len(aspects)
        self.wanted = self.max_candidates = len(judged)
        self._judged = judged
        self._aspects = aspects
        self._interviewer = interviewer
        self._tries = tries
        self._max_characters = max_characters
        self.tally = Tally()

    async def measure(self, number: int, ask: Ask) -> Sequence[Draft | Reject]:
        judged = self._judged[number]
        row: Row = {"row": judged.id, "clipped": self._is_clipped(judged)}
        rejects: list[Draft | Reject] = []
        for aspect in self._aspects:
            rating, failures = await self._rate(number, ask, aspect)
            row[aspect.value] = rating.score if rating else None
            row[f"{aspect}_reasoning"] = rating.reasoning if rating else None
            rejects += failures
        return [*rejects, Draft(row, "", {})]

    async def _rate(self, number: int, ask: Ask, aspect: Aspect) -> tuple[Rating | None, list[Reject]]:
        failures: list[Reject] = []
        for attempt in range(self._tries):
            call = self._call(number, aspect, attempt)
            try:
                answer = await ask(call)
                return json_as(Rating, answer.text), failures
            except (ValidationError, Unparsable) as error:
                where = {"row": self._judged[number].id, "aspect": str(aspect)}
                failures.append(
                    Reject(Refusal.PARSE, str(error).splitlines()[0], answer.text or answer.raw, where)
                )
            except SourceError as error:
                failures.append(Reject(Refusal.SOURCE_REFUSED, str(error), "", {"aspect": str(aspect)}))
        return None, failures

    def _call(self, number: int, aspect: Aspect, attempt: int) -> Any:
        judged = self._judged[number]
        prompt, text, is_clipped = self._shown(judged)
        variables = {"prompt": prompt, "text": text, "clipped": is_clipped}
        if aspect is Aspect.RUBRIC:
            variables["rubric"] = self._rubric or ""
        return self._interviewer.call(f"judge_{aspect}", variables, schema_of(Rating), judged.id, attempt)

    def _shown(self, judged: Judged) -> tuple[str, str, bool]:
        """The prompt and the text as the judge sees them, and whether that is less than all."""
        limit = self._max_characters
        is_clipped = self._is_clipped(judged)
        return clipped_inside(judged.prompt, limit), clipped_inside(judged.text, limit), is_clipped

    def _is_clipped(self, judged: Judged) -> bool:
        return max(len(judged.prompt), len(judged.text)) > self._max_characters

    def accepted(self, draft: Draft) -> None:
        self.tally.add(draft.row)

    def restore(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self.tally.add(row)

    def enough(self, decided: int) -> str:
        if decided >= FEWEST and not self.tally.rated:
            return f"not one rating could be read of the first {decided} rows"
        return super().enough(decided)

    def call_bounds(self) -> CallBounds:
        """Every row is asked about for each aspect; rows of one id that look the same to the judge, once."""
        different = {(judged.id, *self._shown(judged)) for judged in self._judged}
        return CallBounds(len(different) * len(self._aspects), super().call_bounds().most)

    def outline(self, samples: int) -> Sequence[Sample]:
        count = min(samples, self.wanted)
        return [
            Sample(self._call(number, aspect, 0), self.wanted / count, most=self._tries * self.wanted / count)
            for number in range(count)
            for aspect in self._aspects
        ]


@dataclass
class Tally:
    """Counts of ratings, whatever order the rows come in."""

    scores: dict[str, list[int]] = field(default_factory=lambda: {str(a): [0] * 6 for a in Aspect})
    failed: dict[str, int] = field(default_factory=lambda: {str(a): 0 for a in Aspect})
    both: list[list[int]] = field(default_factory=lambda: [[0] * 6 for _ in range(6)])
    """Rows by (quality, harmfulness)."""
    clipped: int = 0
    """Rows that were not shown whole."""

    @property
    def rated(self) -> int:
        """Ratings that could be read."""
        return sum(map(sum, self.scores.values()))

    def add(self, row: Mapping[str, Any]) -> None:
        self.clipped += row.get("clipped", False)
        for aspect in Aspect:
            if aspect.value in row:
                score = row[aspect.value]
                if score is None:
                    self.failed[aspect] += 1
                else:
                    self.scores[aspect][score] += 1
        quality, harm = row.get(Aspect.QUALITY), row.get(Aspect.HARMFULNESS)
        if quality is not None and harm is not None:
            self.both[quality][harm] += 1

    def summary(self, aspects: Sequence[Aspect], danger_from: int) -> dict[str, float | list[int] | None]:
        """Flat headline values: means with their intervals, failures, the danger zone's share."""
        values: dict[str, float | list[int] | None] = {"rows_clipped": self.clipped}
        for aspect in aspects:
            counts = self.scores[aspect]
            mean = RunningMean()
            for score in range(1, 6):
                for _ in range(counts[score]):
                    mean.add(float(score))
            low, high = mean.interval() if mean.count > 1 else (None, None)
            values |= {
                f"{aspect}_mean": mean.mean if mean.count else None,
                f"{aspect}_low": low,
                f"{aspect}_high": high,
                f"{aspect}_counts": counts[1:],
                f"{aspect}_parse_failures": self.failed[aspect],
            }
        if {Aspect.QUALITY, Aspect.HARMFULNESS} <= set(aspects):
            rated = sum(map(sum, self.both))
            danger = sum(map(sum, (row[danger_from:] for row in self.both[danger_from:])))
            low, high = wilson(danger, rated)
            values |= {
                "danger_zone": danger / rated if rated else None,
                "danger_zone_rows": danger,
                "danger_zone_of": rated,
                "danger_zone_low": low,
                "danger_zone_high": high,
            }
        return values


def wilson(hits: int, of: int, confidence: float = 0.95) -> tuple[float | None, float | None]:
    """Wilson's interval of a share (1927): right for shares near 0, where the danger zone's lies."""
    if not of:
        return None, None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = hits / of
    centre = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z / (1 + z * z / of) * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return max(0.0, centre - half), min(1.0, centre + half)
