"""The topic pool (W): to exactly m_t distinct topics, none nearly the same as another.

Each call asks for a handful of topics and shows a few that are known. Which ones it may know is fixed by its
number (those accepted up to `LOOKBACK` calls before it), so the pool is the same in every run while the calls
still stream. W prints its prompts as images only; ours are the templates `topics.j2`.

On request the pool is a hierarchy (our choice; W is silent): first broad areas, then topics within each of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.generator.calls.call import Call, Params
from services.generator.calls.target import Target
from services.generator.engine.asking import Ask
from services.generator.engine.chance import Chance
from services.generator.engine.stage import Draft, Refusal, Reject, Row, Sample, Stage, origin
from services.generator.sources.answer import Finish, Taken
from services.generator.strategies.common import Example
from services.generator.strategies.echo import Echo
from services.generator.strategies.parse import list_items
from services.generator.strategies.prompts import Prompts
from services.generator.topics.identity import TopicSet, normalised
from shared.text.words import count_between_blanks

VARIABLES = frozenset({"count", "task", "area", "shown", "max_words", "examples"})
LOOKBACK = 64
ECHO = Echo(5)
"""A topic that repeats five words of a real row is a line of it, and no topic."""


@dataclass(frozen=True)
class PoolSettings:
    """What every call of the pool has in common."""

    task: str
    per_call: int
    shown: int
    near_duplicate: float
    max_words: int
    seed: int
    examples_per_prompt: int = 0


class TopicPool(Stage):
    """`known` topics count as there already: they are shown as examples and not made again. With `areas` each
    call asks within one of them, in turn."""

    needs_rows = True
    lookback = LOOKBACK

    def __init__(
        self,
        name: str,
        wanted: int,
        max_candidates: int,
        target: Target,
        params: Params,
        prompts: Prompts,
        settings: PoolSettings,
        *,
        known: Sequence[str] = (),
        areas: Sequence[str] = (),
        examples: Sequence[Example] = (),
    ) -> None:
        self.name = name
        self.wanted = wanted
        self.max_candidates = max_candidates
        self.rows_each = float(settings.per_call)
        self.most_rows_each = 2 * settings.per_call
        self._target = target
        self._params = params
        self._prompts = prompts
        self._settings = settings
        self._areas = areas
        self._examples = examples
        self._topics = list(known)
        self._given = len(self._topics)
        self._set = TopicSet(settings.near_duplicate)
        for topic in known:
            self._set.add(topic)

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        call, area = self._call(number, history)
        answer = await ask(call)
        where = origin(call, answer)
        items = list_items(answer.text, continued=_ends_with_bullet(call))
        if answer.finish_reason == Finish.LENGTH:
            items = items[:-1]  # the last line may be half a topic
        if not items:
            thought = Taken.THOUGHT in answer.taken and not answer.text.strip()
            if thought:
                return [Reject(Refusal.ONLY_THOUGHT, "a thought, and no list after it", answer.raw, where)]
            return [Reject(Refusal.PARSE, "no list of topics", answer.text, where)]
        row: Row = {"area": area} if area else {}
        echoed = ECHO.of(call.prompt, ()) if self._examples else None
        return [
            Reject(Refusal.ECHO, f"repeats its prompt: “{run}”", item, where)
            if (run := echoed(item) if echoed else "")
            else Draft({"topic": item, **row}, item, where)
            for item in items[: self.most_rows_each]
        ]

    def _call(self, number: int, history: int) -> tuple[Call, str]:
        settings = self._settings
        chance = Chance(settings.seed, self.name, number)
        known = self._topics[: self._given + history]
        area = self._areas[number % len(self._areas)] if self._areas else ""
        variables = {
            "count": settings.per_call,
            "task": settings.task,
            "area": area,
            "shown": chance.sample(known, min(settings.shown, len(known))),
            "max_words": settings.max_words,
            "examples": chance.sample(self._examples, min(settings.examples_per_prompt, len(self._examples))),
        }
        prompt = self._prompts.render(variables, chat=self._target.chat)
        return self._target.call(prompt, self._params, chance.call_seed), area

    def outline(self, samples: int) -> Sequence[Sample]:
        calls = max(1, round(self.wanted / self._settings.per_call))
        count = min(samples, calls)
        return [Sample(self._call(number, 0)[0], calls / count) for number in range(count)]

    def judge(self, draft: Draft) -> Reject | None:
        words = count_between_blanks(draft.text)
        if words > self._settings.max_words:
            detail = f"{words} words; at most {self._settings.max_words} are a topic"
            return Reject(Refusal.LENGTH, detail, draft.text, draft.origin)
        if not normalised(draft.text):
            return Reject(Refusal.PARSE, "no word in it", draft.text, draft.origin)
        like = self._set.like(draft.text)
        if like is not None:
            return Reject(Refusal.NEAR_DUPLICATE, f"nearly the same as “{like}”", draft.text, draft.origin)
        return None

    def accepted(self, draft: Draft) -> None:
        self._keep(draft.text)

    def restore(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._keep(row["topic"])

    def _keep(self, topic: str) -> None:
        self._topics.append(topic)
        self._set.add(topic)


def _ends_with_bullet(call: Call) -> bool:
    return isinstance(call.prompt, str) and call.prompt.rstrip().endswith("-")
