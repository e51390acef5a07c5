"""Styles and personas (C): passages on a topic, and a multiple-choice question about them, as structured
output.

C's four templates: topic; topic and style; topic, style and persona; several topics, styles and persona. An
answer holds 3–5 passages, each with the nuance it brings out, and one question with four options, the right
one's letter and a step-by-step explanation. C makes G answers for each of T topics: `topic_order: balanced`
with T · G rows. C's prompts and personas are not printed; ours are `styles.j2` and `personas.txt`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.json_schema import JsonSchemaValue

from services.generator.calls.call import Call, Params
from services.generator.engine.asking import Ask
from services.generator.engine.chance import Chance
from services.generator.engine.stage import Draft, Filter, Reject, Row, Sample, Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.bounded import form_of, schema_of, sent, stated
from services.generator.strategies.common import draft_of
from services.generator.strategies.json_answers import json_as
from services.generator.strategies.parse import Unparsable
from services.generator.strategies.prompts import FOLDER, Prompts
from services.generator.topics.turns import TopicTurns
from shared.contracts.generation.strategies import StyleTemplate

VARIABLES = frozenset({"task", "topics", "style", "persona", "fewest", "most", "schema", "form"})


MOST_PASSAGES = 100


class Passage(BaseModel):
    model_config = ConfigDict(extra="ignore")
    nuanced_content: str = stated(200, "the nuance that it brings out")
    passage: str = stated(3_000, "the passage")


class LessonQuestion(BaseModel):
    model_config = ConfigDict(extra="ignore")
    question: str = stated(500, "the question")
    options: Annotated[list[Annotated[str, stated(300, "an option")]], Field(min_length=4, max_length=4)]
    answer_label: Literal["A", "B", "C", "D"]
    step_by_step_explanation: str = stated(2_000, "step by step, why it is right")


class Lesson(BaseModel):
    model_config = ConfigDict(extra="ignore")
    passages: list[Passage] = Field(json_schema_extra={"maxItems": MOST_PASSAGES})
    multiple_choice_question: LessonQuestion


def lesson_schema(fewest: int, most: int) -> JsonSchemaValue:
    """The JSON schema of an answer with so many passages."""
    schema = schema_of(Lesson)
    passages = {**schema["properties"]["passages"], "minItems": fewest, "maxItems": most}
    return {**schema, "properties": {**schema["properties"], "passages": passages}}


def bundled_personas() -> list[str]:
    lines = (FOLDER / "personas.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip()]


@dataclass(frozen=True)
class StyleSettings:
    """What every candidate has in common."""

    seed: int
    task: str
    template: StyleTemplate
    styles: Sequence[str]
    personas: Sequence[str]
    topics_per_prompt: int
    fewest: int
    most: int
    structured: bool
    extra: Mapping[str, Any] = field(default_factory=dict)


class Styles(Stage):
    def __init__(
        self,
        name: str,
        wanted: int,
        max_candidates: int,
        topics: TopicTurns,
        targets: Targets,
        params: Params,
        prompts: Prompts,
        settings: StyleSettings,
        *,
        filters: Sequence[Filter] = (),
    ) -> None:
        self.name = name
        self.wanted = wanted
        self.max_candidates = max_candidates
        self.filters = filters
        self._topics = topics
        self._targets = targets
        self._prompts = prompts
        self._settings = settings
        self._schema = lesson_schema(settings.fewest, settings.most)
        self._params = params.held_to(sent(self._schema) if settings.structured else None)

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        call, asked = self._call(number)
        answer = await ask(call)
        extra = {**self._settings.extra, **asked}
        topic = " | ".join(asked["topics"])
        return [draft_of(call, answer, self._row, _text, topic=topic, extra=extra)]

    def _call(self, number: int) -> tuple[Call, Row]:
        settings = self._settings
        chance = Chance(settings.seed, "lesson", number)
        target = self._targets.draw(chance)
        asked = self._asked(number, chance)
        variables = {
            **asked,
            "task": settings.task,
            "fewest": settings.fewest,
            "most": settings.most,
            "schema": self._schema,
            "form": form_of(self._schema),
        }
        prompt = self._prompts.render(variables, chat=target.chat)
        return target.call(prompt, self._params, chance.call_seed), asked

    def _asked(self, number: int, chance: Chance) -> Row:
        """The topics, style and persona of a candidate, as the template has them."""
        settings = self._settings
        template = settings.template
        style = chance.choice(settings.styles) if template is not StyleTemplate.TOPIC else ""
        with_persona = template in (StyleTemplate.PERSONA, StyleTemplate.MULTI_TOPIC)
        persona = chance.choice(settings.personas) if with_persona else ""
        topics = [self._topics.topic(number, chance)]
        if template is StyleTemplate.MULTI_TOPIC:
            others = [topic for topic in self._topics.all if topic != topics[0]]
            topics += chance.sample(others, min(settings.topics_per_prompt - 1, len(others)))
        return {"topics": topics, "style": style, "persona": persona}

    def _row(self, text: str) -> Row:
        try:
            lesson = json_as(Lesson, text)
        except ValidationError as error:
            first = error.errors()[0]
            raise Unparsable(f"{'/'.join(map(str, first['loc']))}: {first['msg']}") from error
        settings = self._settings
        if not settings.fewest <= len(lesson.passages) <= settings.most:
            raise Unparsable(
                f"{len(lesson.passages)} passages; {settings.fewest} to {settings.most} were asked for"
            )
        return {"text": as_text(lesson), **lesson.model_dump()}

    def outline(self, samples: int) -> Sequence[Sample]:
        count = min(samples, self.wanted)
        step = self.wanted // count
        return [Sample(self._call(number * step)[0], self.wanted / count) for number in range(count)]


def as_text(lesson: Lesson) -> str:
    """A lesson as one text to train on: the passages, then the question with its options and its answer."""
    question = lesson.multiple_choice_question
    options = "\n".join(f"{label}. {option}" for label, option in zip("ABCD", question.options, strict=True))
    passages = "\n\n".join(passage.passage for passage in lesson.passages)
    explanation = question.step_by_step_explanation
    return f"{passages}\n\n{question.question}\n{options}\nAnswer: {question.answer_label}. {explanation}"


def _text(row: Row) -> str:
    return str(row["text"])
