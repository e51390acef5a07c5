"""The N clusterings with their self-verification (C, steps 4 and 5), one candidate each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic.json_schema import JsonSchemaValue

from services.generator.calls.call import Answer, Call
from services.generator.engine.asking import Ask
from services.generator.engine.chance import Chance
from services.generator.engine.stage import CallBounds, Draft, Refusal, Reject, Row, Sample, origin
from services.generator.instruments.agent.asking import Interviewer, clipped
from services.generator.instruments.agent.clustering import (
    Cluster,
    labels_schema,
    read_clustering,
    read_verdicts,
    to_verify,
    verdicts_schema,
)
from services.generator.instruments.agent.score import RunningMean, run_score
from services.generator.instruments.budget import BudgetKeeper
from services.generator.instruments.paid import PaidStage
from services.generator.strategies.parse import Unparsable


@dataclass(frozen=True)
class RunSettings:
    """`samples` = K, `runs` = N; `interval_width` and `min_runs` are the early stop."""

    samples: int
    runs: int
    verify: bool
    interval_width: float | None
    min_runs: int
    max_characters: int
    seed: int


class ClusterRuns(PaidStage):
    """A row is one run: which texts, which clusters, which were valid, and the score. Runs that cannot be
    read are rejects; they are counted, and another run is made in their place."""

    name = "runs"
    needs_rows = True
    must_fill = False

    def __init__(
        self,
        texts: Sequence[str],
        criteria: Sequence[str],
        interviewer: Interviewer,
        settings: RunSettings,
        spending: BudgetKeeper,
    ) -> None:
        super().__init__(spending)
        self.calls_each = 1 + settings.verify
        self.wanted = settings.runs
        self.max_candidates = 2 * settings.runs + 20
        self._texts = texts
        self._criteria = list(criteria)
        self._interviewer = interviewer
        self._settings = settings
        self._samples = min(settings.samples, len(texts))
        self.mean = RunningMean()

    async def measure(self, number: int, ask: Ask) -> Sequence[Draft | Reject]:
        chosen = self._chosen(number)
        call, answer = await self._interviewer.ask(
            ask, "agent_cluster", *self._cluster_prompt(chosen), number
        )
        where = origin(call, answer)
        try:
            clusters = read_clustering(answer.text, self._samples)
        except Unparsable as error:
            return [Reject(Refusal.PARSE, f"clustering: {error}", answer.text, where)]
        return [await self._verified(number, ask, chosen, clusters, where)]

    async def _verified(
        self, number: int, ask: Ask, chosen: Sequence[int], clusters: list[Cluster], where: Row
    ) -> Draft | Reject:
        asked = to_verify(clusters) if self._settings.verify else []
        verdicts: dict[int, Any] = {}
        if asked:
            call, answer = await self._ask_verdicts(number, ask, chosen, clusters, asked)
            try:
                verdicts = read_verdicts(answer.text, asked)
            except Unparsable as error:
                return Reject(Refusal.PARSE, f"verification: {error}", answer.text, origin(call, answer))
        valid = [n for n in range(1, len(clusters) + 1) if n not in verdicts or verdicts[n].valid]
        sizes = [len(clusters[n - 1].members) for n in valid]
        row = {
            "texts": list(chosen),
            "clusters": [cluster.model_dump() for cluster in clusters],
            "verdicts": [{"cluster": n, **verdict.model_dump()} for n, verdict in verdicts.items()],
            "invalid": len(clusters) - len(valid),
            "C": len(sizes),
            "S": sum(sizes) / len(sizes) if sizes else None,
            "score": run_score(sizes),
        }
        return Draft(row, "", where)

    async def _ask_verdicts(
        self, number: int, ask: Ask, chosen: Sequence[int], clusters: Sequence[Cluster], asked: Sequence[int]
    ) -> tuple[Call, Answer]:
        shown = [
            {
                "number": n,
                "name": clusters[n - 1].name,
                "texts": [self._shown(chosen[member - 1]) for member in clusters[n - 1].members],
            }
            for n in asked
        ]
        variables = {"criteria": self._criteria, "clusters": shown}
        return await self._interviewer.ask(ask, "agent_verify", variables, verdicts_schema(asked), number)

    def _chosen(self, number: int) -> list[int]:
        chance = Chance(self._settings.seed, "runs", number)
        return chance.sample(range(len(self._texts)), self._samples)

    def _cluster_prompt(self, chosen: Sequence[int]) -> tuple[dict[str, list[str]], JsonSchemaValue]:
        variables = {"criteria": self._criteria, "texts": [self._shown(text) for text in chosen]}
        return variables, labels_schema(self._samples)

    def _shown(self, text: int) -> str:
        return clipped(self._texts[text], self._settings.max_characters)

    def accepted(self, draft: Draft) -> None:
        self.mean.add(draft.row["score"])

    def restore(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self.mean.add(row["score"])

    def enough(self, decided: int) -> str:
        settings = self._settings
        narrow = settings.interval_width is not None and self.mean.count >= settings.min_runs
        if narrow and 2 * self.mean.half_width() < (settings.interval_width or 0.0):
            return f"the interval is narrower than {settings.interval_width:g}"
        return super().enough(decided)

    def _fewest_runs(self) -> int:
        """Runs before the interval can be narrow enough."""
        return min(self._settings.min_runs, self.wanted) if self._settings.interval_width else self.wanted

    def call_bounds(self) -> CallBounds:
        """Of clusters of one text each nothing is verified."""
        return CallBounds(self._fewest_runs(), super().call_bounds().most)

    def outline(self, samples: int) -> Sequence[Sample]:
        chosen = self._chosen(0)
        call = self._interviewer.call("agent_cluster", *self._cluster_prompt(chosen), 0)
        asked = [Sample(call, self.wanted, fewest=self._fewest_runs())]
        if self._settings.verify:  # of singletons alone nothing is asked
            asked.append(Sample(call, self.wanted, fewest=0))
        return asked
