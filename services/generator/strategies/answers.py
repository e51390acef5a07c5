"""Answers to given prompts (E): one model answers all, or each answers its share.

Single-source: the first target answers every prompt. Multi-source by chunk: the prompts are cut into one
contiguous part for each target (E's four chunks). By weight: each prompt's target is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from services.generator.calls.call import Call, Message, Params, derived_seed
from services.generator.calls.target import Target
from services.generator.engine.asking import Ask
from services.generator.engine.chance import Chance
from services.generator.engine.stage import Draft, Filter, Reject, Row, Sample, Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.collecting import collect, most_candidates
from services.generator.strategies.common import draft_of
from services.generator.strategies.parse import Unparsable
from services.generator.strategies.prompts import Prompts
from shared.contracts.chats import ChatMessage
from shared.contracts.datasets import DatasetKind

VARIABLES = frozenset({"prompt", "context"})


@dataclass(frozen=True)
class AnswerSettings:
    """`kind` is the rows': `completion` ({context: prompt, completion: answer}), `qa`, or `chat` (the chat up
    to the user's last turn, and the answer)."""

    seed: int
    kind: DatasetKind
    assign: Literal["single", "chunk", "weight"]
    keep_cut: bool
    extra: Mapping[str, Any] = field(default_factory=dict)


class Answers(Stage):
    """One candidate is one prompt; an answer that is refused for itself is asked for again with another seed.
    One that is refused beside others (it repeats them, or there are enough of its length) is not: such
    judgements are made in the prompts' order, and are the same in every run. With fewer rows wanted than
    there are prompts, the prompts left without an answer are passed over."""

    def __init__(
        self,
        name: str,
        wanted: int,
        prompts: Sequence[Row],
        contexts: Mapping[str, str],
        targets: Targets,
        params: Params,
        template: Prompts,
        settings: AnswerSettings,
        *,
        filters: Sequence[Filter] = (),
    ) -> None:
        self.name = name
        self.wanted = wanted
        self.max_candidates = len(prompts)
        self.calls_each = most_candidates(1)
        self._own_filters = [judge for judge in filters if not judge.remembers]
        self.filters = [judge for judge in filters if judge.remembers]
        self._given = prompts
        self._contexts = contexts
        self._targets = targets
        self._params = params
        self._template = template
        self._settings = settings

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        make = partial(self._answer, ask, number)
        drafts, rejects = await collect(make, 1, self._own_filters)
        return [*rejects, *drafts]

    async def _answer(self, ask: Ask, number: int, attempt: int) -> Draft | Reject:
        call = self._call(number, attempt)
        answer = await ask(call)
        parse = partial(self._row, self._given[number])
        settings = self._settings
        extra = {**settings.extra, "prompt_id": self._given[number].get("id", str(number))}
        return draft_of(call, answer, parse, _answered, extra=extra, keep_cut=settings.keep_cut)

    def _call(self, number: int, attempt: int) -> Call:
        row = self._given[number]
        context_id = str(row.get("context_id", ""))
        target = self._target(number)
        variables = {"prompt": given_prompt(row), "context": self._contexts.get(context_id, "")}
        prompt = self._template.render(variables, chat=target.chat)
        if self._settings.kind is DatasetKind.CHAT:
            prompt = _asked(row, prompt)
        seed = derived_seed(self._settings.seed, "answer", number, attempt)
        return target.call(prompt, self._params, seed, context_id)

    def _target(self, number: int) -> Target:
        targets = self._targets.all
        if self._settings.assign == "single":
            return targets[0]
        if self._settings.assign == "chunk":
            return targets[number * len(targets) // len(self._given)]
        return self._targets.draw(Chance(self._settings.seed, "source", number))

    def _row(self, given: Row, text: str) -> Row:
        answer = text.strip()
        if not answer:
            raise Unparsable("the answer is empty")
        if self._settings.kind is DatasetKind.QA:
            return {"context_id": given["context_id"], "question": given["question"], "answer": answer}
        if self._settings.kind is DatasetKind.CHAT:
            said: ChatMessage = {"role": "assistant", "content": answer}
            return {"messages": [*_up_to_the_user(given), said]}
        return {"context": given_prompt(given), "completion": answer}

    def outline(self, samples: int) -> Sequence[Sample]:
        count = min(samples, self.wanted)
        step = len(self._given) // count
        return [Sample(self._call(number * step, 0), self.wanted / count) for number in range(count)]


def _up_to_the_user(row: Row) -> list[ChatMessage]:
    """The chat without what was said after the user's last turn: the answer that is to be made anew."""
    messages: list[ChatMessage] = row["messages"]
    last = max(place for place, message in enumerate(messages) if message["role"] == "user")
    return messages[: last + 1]


def _asked(row: Row, rendered: str | tuple[Message, ...]) -> tuple[Message, ...]:
    """The chat as the source is to go on with it, behind the request's system prompt where it has none."""
    messages = tuple(Message(message["role"], message["content"]) for message in _up_to_the_user(row))
    if isinstance(rendered, str) or messages[0].role == "system":
        return messages
    return (*(message for message in rendered if message.role == "system"), *messages)


def given_prompt(row: Row) -> str:
    """The prompt that a row of any kind holds; of a chat the user's last turn."""
    if "messages" in row:
        return str(_up_to_the_user(row)[-1]["content"])
    return str(row.get("question") or row.get("context") or row.get("text") or "")


def _answered(row: Row) -> str:
    """What filters judge: the answer alone, for the prompt is given."""
    if "messages" in row:
        return str(row["messages"][-1]["content"])
    return str(row.get("answer") or row.get("completion"))
