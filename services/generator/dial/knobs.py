"""What the dial may move, and the stage that a setting of it stands for.

- `topic_count`: topics in use, 1 to all of the pool; more topics, more diversity.
- `replaced`: groups of paraphrases over all contexts; more paraphrases, less diversity. Each context gets its
  share, and the remainder goes to a seeded choice of them, so that one group more is the smallest step.
- `weights`: the share of rows, in thousandths, that the sources after the first answer; which way the
diversity
  goes is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from services.generator.calls.target import Target
from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.datasets.rows import stage_for
from services.generator.dial.search import KnobRange
from services.generator.engine.chance import Chance
from services.generator.engine.stage import Stage
from shared.contracts.generation.dial import DialMetric, DialTarget
from shared.contracts.generation.strategies import Level, Strategy
from shared.errors import InvalidRequest

THOUSAND = 1000
RISES_WITH_DIVERSITY = frozenset({DialMetric.DISTINCT_5, DialMetric.VENDI})


@dataclass(frozen=True)
class Knob:
    """Its range (None for `rises`: to be measured), and the stage of `rows` rows at a setting."""

    low: int
    high: int
    rises: bool | None
    ratio: bool
    stage: Callable[[int, int], Stage]

    def range(self, rises: bool) -> KnobRange:
        return KnobRange(self.low, self.high, rises, self.ratio)


def knob_for(dial: DialTarget, given: GenerationInputs) -> Knob:
    """Raises `InvalidRequest` when the request's strategy has no such knob."""
    return {"topic_count": _topic_count, "replaced": _replaced, "weights": _weights}[dial.knob](dial, given)


def _named(given: GenerationInputs, level: Level, setting: int, rows: int) -> Stage:
    request = given.request.model_copy(update={"rows": rows})
    stage = stage_for(replace(given, request=request), level)
    stage.name = f"dial-{setting}-{rows}"
    return stage


def _topic_count(dial: DialTarget, given: GenerationInputs) -> Knob:
    if given.request.strategy not in (Strategy.TOPIC_GUIDED, Strategy.STYLES):
        raise InvalidRequest("the knob topic_count is for strategies with topics")
    most = given.request.topic_count or len(given.inputs.topics)

    def stage(setting: int, rows: int) -> Stage:
        level = Level.model_construct(name="", topic_count=setting, replaced=None)
        return _named(given, level, setting, rows)

    return Knob(1, most, dial.metric in RISES_WITH_DIVERSITY, True, stage)


def _replaced(dial: DialTarget, given: GenerationInputs) -> Knob:
    rule = given.request.paraphrase
    if given.request.strategy is not Strategy.PARAPHRASE:
        raise InvalidRequest("the knob replaced is for strategy paraphrase")
    contexts = given.wanted // rule.per_context
    groups = rule.per_context // rule.paraphrases
    order = Chance(given.request.seed, "dial").shuffled(range(contexts))
    rank = {context: place for place, context in enumerate(order)}

    def stage(setting: int, rows: int) -> Stage:
        share, rest = divmod(setting, contexts)

        def replaced(context: int) -> int:
            return rule.paraphrases * min(groups, share + (rank[context] < rest))

        level = Level.model_construct(name="", topic_count=None, replaced=None)
        return _named(replace(given, replaced=replaced), level, setting, rows)

    return Knob(0, contexts * groups, dial.metric not in RISES_WITH_DIVERSITY, False, stage)


def _weights(dial: DialTarget, given: GenerationInputs) -> Knob:
    if len(given.targets) < 2:
        raise InvalidRequest("the knob weights needs sources of at least two models")

    def stage(setting: int, rows: int) -> Stage:
        level = Level.model_construct(name="", topic_count=None, replaced=None)
        return _named(replace(given, targets=_weighted(given.targets, setting)), level, setting, rows)

    return Knob(0, THOUSAND, None, False, stage)


def _weighted(targets: Sequence[Target], thousandths: int) -> list[Target]:
    """The first target with what the others leave; those among themselves as the request has them."""
    first, *others = targets
    total = sum(target.weight for target in others)
    shares = [replace(target, weight=thousandths * target.weight / total) for target in others]
    return [replace(first, weight=float(THOUSAND - thousandths)), *shares]
