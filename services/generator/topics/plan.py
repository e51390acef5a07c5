"""From a topics request to the pool: which stages to run, on what."""

from __future__ import annotations

from collections.abc import Sequence

from services.generator.calls.call import Params
from services.generator.calls.target import Target
from services.generator.engine.line import Result
from services.generator.engine.record import StageRecord
from services.generator.engine.session import Session
from services.generator.engine.stage import Row
from services.generator.errors import BadPromptTemplate, CandidatesExhausted
from services.generator.strategies.common import Example
from services.generator.strategies.prompts import BadTemplate, Prompts, load_prompts
from services.generator.topics.identity import TopicSet
from services.generator.topics.pool import VARIABLES, PoolSettings, TopicPool
from shared.contracts.fields import MOST_FOLLOWING
from shared.contracts.generation.limits import default_topic_calls
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.topics import TopicsRequest

TOKENS_A_WORD, TOKENS_A_LINE, TOKENS_BEFORE = 1.5, 2, 24
"""Of a topic's words, of its bullet and line end, and of a line before the list."""
STOPS: dict[Format, tuple[str, ...]] = {Format.PLAIN: ("\n\n",), Format.INSTRUCT: ()}


class PoolPlan:
    """The stages of one topics request."""

    def __init__(self, request: TopicsRequest, target: Target, examples: Sequence[Example] = ()) -> None:
        """`examples` are the real rows of the request's dataset."""
        self._request = request
        self._examples = examples
        self._target = target
        self._prompts = pool_prompts(request)
        longest = request.per_call * (TOKENS_A_WORD * request.max_words + TOKENS_A_LINE) + TOKENS_BEFORE
        self._params = Params.of(request, STOPS[request.format], min(round(longest), MOST_FOLLOWING))
        self.seeds = distinct(request.seeds, request.near_duplicate)
        self.kept = self.seeds[: request.count] if request.keep_seeds else []

    def areas(self) -> TopicPool:
        """Broad areas, for a hierarchy."""
        return self._stage("areas", self._request.hierarchy, known=(), areas=())

    def topics(self, areas: Sequence[str] = ()) -> TopicPool:
        return self._stage("topics", self._request.count - len(self.kept), known=self.seeds, areas=areas)

    def _stage(self, name: str, wanted: int, *, known: Sequence[str], areas: Sequence[str]) -> TopicPool:
        request = self._request
        settings = PoolSettings(
            task=request.task if name == "topics" else f"broad areas of {request.task}",
            per_call=request.per_call,
            shown=request.shown,
            near_duplicate=request.near_duplicate,
            max_words=request.max_words,
            seed=request.seed,
            examples_per_prompt=request.examples_per_prompt,
        )
        limit = request.max_candidates or default_topic_calls(wanted, request.per_call)
        return TopicPool(
            name,
            wanted,
            limit,
            self._target,
            self._params,
            self._prompts,
            settings,
            known=known,
            areas=areas,
            examples=self._examples,
        )


def pool_prompts(request: TopicsRequest) -> Prompts:
    """Raises `BadPromptTemplate`."""
    templates = request.templates
    try:
        return load_prompts(
            request.format, "topics", VARIABLES, system=templates.system, prompt=templates.prompt
        )
    except BadTemplate as error:
        raise BadPromptTemplate(str(error)) from error


def distinct(topics: Sequence[str], threshold: float) -> list[str]:
    """The topics without those that nearly repeat an earlier one."""
    known = TopicSet(threshold)
    for topic in topics:
        if known.like(topic) is None:
            known.add(topic)
    return known.topics


async def make_pool(
    plan: PoolPlan, session: Session, *, hierarchy: int
) -> tuple[list[Row], list[StageRecord]]:
    """Rows {id, topic, …} of exactly the wanted number, and the stages' records. Raises
    `CandidatesExhausted`."""
    records: list[StageRecord] = []
    areas: list[str] = []
    if hierarchy:
        result, record = await session.run(plan.areas())
        _whole(result)
        records.append(record)
        areas = [row["topic"] async for row in record.rows()]
    rows: list[Row] = [{"topic": topic, "origin": {"source": "request"}} for topic in plan.kept]
    stage = plan.topics(areas)
    if stage.wanted > 0:
        result, record = await session.run(stage)
        _whole(result)
        records.append(record)
        rows += [row async for row in record.rows()]
    return [{**row, "id": f"topic-{number:06d}"} for number, row in enumerate(rows)], records


def _whole(result: Result) -> None:
    if result.short:
        raise CandidatesExhausted(result.short)
