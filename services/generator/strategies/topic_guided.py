"""Topic-guided generation (W): each prompt is the task, one random topic of the level's, and a few seed
samples.

One answer for each prompt.
For `qa` the candidates of one context follow each other, so that its prefix stays in the server's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.generator.calls.call import Call, Params
from services.generator.engine.asking import Ask
from services.generator.engine.chance import Chance
from services.generator.engine.stage import Draft, Filter, Reject, Sample, Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.bounded import in_prompts, sent
from services.generator.strategies.common import Example, draft_of
from services.generator.strategies.echo import Echo
from services.generator.strategies.parse import Shape
from services.generator.strategies.prompts import Prompts
from services.generator.topics.turns import TopicTurns
from shared.datasets import Row

VARIABLES = frozenset({"task", "item", "topic", "examples", "length", "length_unit", "sentences", "exactly"})
QA_VARIABLES = VARIABLES | {"context", "schema", "form"}


@dataclass(frozen=True)
class TopicGuidedSettings:
    """What every candidate has in common. `parse` gives a row of the kind, `text_of` its measured text;
    `schema` is what answers are held to (None: their form is only asked for)."""

    seed: int
    task: str
    item: str
    """What one row is; "" where nobody said: one of `task`."""
    shape: Shape
    examples_per_prompt: int
    parse: Callable[[str, str], Row]
    """(answer, context id) → row."""
    text_of: Callable[[Row], str]
    lengths: Sequence[int]
    """Of the examples, in `length_unit` (words or tokens)."""
    length_unit: str
    schema: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    titled: bool = True
    """Whether a title of its own is part of a row."""
    echo: Echo | None = None
    """What refuses rows that repeat their prompt."""


class TopicGuided(Stage):
    """`contexts` (id → text) are asked about in turn, a run of candidates each; empty for the other kinds."""

    def __init__(
        self,
        name: str,
        wanted: int,
        max_candidates: int,
        topics: TopicTurns,
        examples: Sequence[Example],
        targets: Targets,
        params: Params,
        prompts: Prompts,
        settings: TopicGuidedSettings,
        *,
        filters: Sequence[Filter] = (),
        contexts: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.wanted = wanted
        self.max_candidates = max_candidates
        self.filters = filters
        self._topics = topics
        self._examples = examples
        self._targets = targets
        self._params = params.held_to(sent(settings.schema) if settings.schema else None)
        self._prompts = prompts
        self._settings = settings
        self._contexts = list((contexts or {}).items())
        self.shares_prefixes = bool(contexts)
        self._per_context = -(-wanted // len(self._contexts)) if self._contexts else 0

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        settings = self._settings
        call, topic = self._call(number)
        context_id = call.prefix
        given = (topic, self._context(number)[1])
        answer = await ask(call)
        return [
            draft_of(
                call,
                answer,
                lambda text: settings.parse(text, context_id),
                settings.text_of,
                topic=topic,
                extra=settings.extra,
                titled=settings.titled,
                echo=None if settings.echo is None else settings.echo.of(call.prompt, given),
            )
        ]

    def _call(self, number: int) -> tuple[Call, str]:
        chance = Chance(self._settings.seed, "row", number)
        context_id, context = self._context(number)
        target = self._targets.draw(chance)
        variables = self._variables(chance, context_id, context)
        topic = variables["topic"] = self._topics.topic(number, chance)
        prompt = self._prompts.render(variables, chat=target.chat)
        return target.call(prompt, self._params, chance.call_seed, context_id), topic

    def outline(self, samples: int) -> Sequence[Sample]:
        count = min(samples, self.wanted)
        step = self.wanted // count
        return [Sample(self._call(number * step)[0], self.wanted / count) for number in range(count)]

    def _context(self, number: int) -> tuple[str, str]:
        if not self._contexts:
            return "", ""
        return self._contexts[number // self._per_context % len(self._contexts)]

    def _variables(self, chance: Chance, context_id: str, context: str) -> dict[str, object]:
        settings = self._settings
        wanted = min(settings.examples_per_prompt, len(self._examples))
        shown = chance.sample(self._examples, wanted)
        if context_id:  # an example about the same context would be copied
            shown = [example for example in shown if example.get("context_id") != context_id]
        length = chance.choice(settings.lengths) if settings.lengths else 0
        variables = {
            "task": settings.task,
            "item": settings.item,
            "examples": shown,
            "length": length,
            "length_unit": settings.length_unit,
            "sentences": settings.shape.usual,
            "exactly": settings.shape.exact,
        }
        if not context_id:
            return variables
        return {**variables, "context": context, **in_prompts(settings.schema)}
