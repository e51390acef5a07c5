"""Self-preference (E): which of two texts a judge prefers, read from the log-probabilities of its first
token.

For each prompt, every pair of candidates is shown in both orders, so that the liking for a place cancels
out. The judge is asked for a letter; S_m is the mean, over the comparisons of m, of P(letter of m) / (P(A) +
P(B)). *Raw* log-probabilities are needed (vLLM's default): after temperature and top-p a letter may have
none at all. A letter that is not among the alternatives the server gives is a failure: counted, and never
taken for zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from math import exp, log
from typing import Any

from services.generator.calls.call import Call
from services.generator.engine.asking import Ask
from services.generator.engine.stage import CallBounds, Draft, Refusal, Reject, Row, Sample, origin
from services.generator.instruments.agent.asking import Interviewer, clipped_inside
from services.generator.instruments.agent.score import RunningMean
from services.generator.instruments.budget import BudgetKeeper
from services.generator.instruments.paid import PaidStage

LETTERS = ("A", "B")
_DECORATION = " \t\n\"'“”*.():[]▁Ġ"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One prompt, and who stands where."""

    key: str
    prompt: str
    first: str
    second: str


def comparisons(prompts: Mapping[str, str], candidates: Sequence[str]) -> list[Comparison]:
    """Every ordered pair of candidates for each prompt (key → prompt)."""
    return [
        Comparison(key, prompt, first, second)
        for key, prompt in prompts.items()
        for first, second in permutations(candidates, 2)
    ]


def preference(alternatives: Mapping[str, float] | None) -> float | None:
    """P(A) / (P(A) + P(B)) from the first token's alternatives; None when a letter is not among them.

    Spellings of one letter ("A", " A", "A.") are added up.
    """
    mass = dict.fromkeys(LETTERS, 0.0)
    for token, logprob in (alternatives or {}).items():
        letter = token.strip(_DECORATION)
        if letter in mass:
            mass[letter] += exp(logprob)
    if not all(mass.values()):
        return None
    return 1 / (1 + exp(log(mass["B"]) - log(mass["A"])))


class Preferences(PaidStage):
    """A row is one comparison with P(A) and P(B) normalised; those without a letter are rejects."""

    name = "comparisons"
    needs_rows = True
    must_fill = False

    def __init__(
        self,
        compared: Sequence[Comparison],
        texts: Mapping[tuple[str, str], str],
        interviewer: Interviewer,
        *,
        alternatives: int,
        max_characters: int,
        spending: BudgetKeeper,
    ) -> None:
        """`texts` by (candidate, key)."""
        super().__init__(spending)
        self.wanted = self.max_candidates = len(compared)
        self._compared = compared
        self._texts = texts
        params = replace(interviewer.params, temperature=1.0, top_p=1.0, max_tokens=1, logprobs=alternatives)
        self._interviewer = replace(interviewer, params=params, structured=False)
        self._max_characters = max_characters
        self.scores = Scores()

    async def measure(self, number: int, ask: Ask) -> Sequence[Draft | Reject]:
        compared = self._compared[number]
        call = self._call(compared)
        answer = await ask(call)
        where = origin(call, answer)
        share = preference(answer.top_logprobs)
        row: Row = {
            "key": compared.key,
            "first": compared.first,
            "second": compared.second,
            "clipped": any(len(text) > self._max_characters for text in self._shown(compared).values()),
        }
        if share is None:
            seen = sorted((answer.top_logprobs or {}).items(), key=lambda item: -item[1])[:5]
            detail = f"no A and B among the alternatives; the likeliest: {[token for token, _ in seen]}"
            return [Reject(Refusal.PARSE, detail, answer.text, {**where, **row})]
        return [Draft({**row, "first_share": share}, "", where)]

    def _call(self, compared: Comparison) -> Call:
        return self._interviewer.call("preference", self._variables(compared), None, "comparison")

    def _variables(self, compared: Comparison) -> dict[str, str]:
        shown = self._shown(compared).items()
        return {name: clipped_inside(text, self._max_characters) for name, text in shown}

    def _shown(self, compared: Comparison) -> dict[str, str]:
        return {
            "prompt": compared.prompt,
            "first": self._texts[compared.first, compared.key],
            "second": self._texts[compared.second, compared.key],
        }

    def accepted(self, draft: Draft) -> None:
        self.scores.add(draft.row)

    def restore(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self.scores.add(row)

    def call_bounds(self) -> CallBounds:
        """Comparisons that show the same texts in the same order are one call."""
        different = {tuple(self._variables(compared).values()) for compared in self._compared}
        return CallBounds(len(different), super().call_bounds().most)

    def outline(self, samples: int) -> Sequence[Sample]:
        count = min(samples, self.wanted)
        step, each = self.wanted // count, self.wanted / count
        return [Sample(self._call(self._compared[i * step]), each, most=each) for i in range(count)]


@dataclass
class Scores:
    """Running S_m of each candidate, and how much the first place is liked."""

    of: dict[str, RunningMean] = field(default_factory=dict)
    first_place: RunningMean = field(default_factory=RunningMean)
    clipped: int = 0
    """Comparisons in which a text was not shown whole."""

    def add(self, row: Mapping[str, Any]) -> None:
        share = row["first_share"]
        for name, value in ((row["first"], share), (row["second"], 1 - share)):
            self.of.setdefault(name, RunningMean()).add(value)
        self.first_place.add(share)
        self.clipped += row.get("clipped", False)

    def summary(self, target: str | None, human: str | None) -> dict[str, float | None]:
        """S of each candidate with its interval, SPB and PSB; null where a candidate for them is missing."""
        means = {name: mean.mean for name, mean in self.of.items()}
        synthetic = {name: value for name, value in means.items() if name != human}
        others = [value for name, value in synthetic.items() if name != target]
        spb = psb = None
        if target in synthetic and others:
            spb = synthetic[target] - sum(others) / len(others)
        if human in means and synthetic:
            psb = sum(synthetic.values()) / len(synthetic) - means[human]
        intervals = {name: mean.interval() for name, mean in self.of.items() if mean.count > 1}
        return {
            "self_preference_bias": spb,
            "pro_synthetic_bias": psb,
            "comparisons_clipped": self.clipped,
            "first_place_share": self.first_place.mean if self.first_place.count else None,
            **{f"s_{name}": value for name, value in sorted(means.items())},
            **{f"s_{name}_low": low for name, (low, _) in sorted(intervals.items())},
            **{f"s_{name}_high": high for name, (_, high) in sorted(intervals.items())},
        }
