"""Paraphrase augmentation for long-context question answering (W, eqs. 1–4).

For each context: K pairs are generated (context, and a few real pairs about *other* contexts as examples); r
of them are each written anew m_p times (the pair as material, a pair about another context as example); and
these m_r = r · m_p paraphrases take the place of m_r of the K pairs. More paraphrases, less diversity:
Gen-D0 has m_r = 30, Gen-D6 none.

What W leaves open, and how it is done here: which pairs give way is a seeded permutation of the K, the same
for every m_r, so the levels are nested; the r sources are the first of it (eq. 3 keeps K only if they give
way too); the question is rewritten and its answer stays; with `paraphrase_of: real` (eq. 1) the sources are
real pairs about the context, taken in turn when there are fewer than r. A level's calls do not depend on
m_r, so all levels of one request share the generated pairs, and pay for them once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from services.generator.calls.call import Call, Message, Params
from services.generator.calls.target import Target
from services.generator.engine.asking import Ask
from services.generator.engine.chance import Chance
from services.generator.engine.stage import CallBounds, Draft, Filter, Refusal, Reject, Sample, Stage
from services.generator.engine.targets import Targets
from services.generator.strategies.bounded import in_prompts, sent
from services.generator.strategies.collecting import collect, most_candidates
from services.generator.strategies.common import Example, draft_of
from services.generator.strategies.echo import Echo
from services.generator.strategies.parse import question_only
from services.generator.strategies.prompts import Prompts
from services.generator.text.tokens import TokenCounter
from services.generator.topics.identity import normalised
from shared.datasets import Row

VARIABLES = frozenset({"question", "answer", "example", "task", "schema", "form"})


@dataclass(frozen=True)
class ParaphraseSettings:
    """`per_context` = K, `paraphrases` = m_p, `replaced` = m_r of context number so-and-so. `filters` makes a
    context's own filters for generated pairs, `question_filters` judge each paraphrase by itself; `schema`
    and `question_schema` are what answers are held to (None: nothing)."""

    seed: int
    task: str
    per_context: int
    paraphrases: int
    replaced: Callable[[int], int]
    of_real: bool
    examples_per_prompt: int
    parse: Callable[[str, str], Row]
    text_of: Callable[[Row], str]
    count: TokenCounter
    filters: Callable[[], Sequence[Filter]]
    question_filters: Sequence[Filter] = ()
    parse_question: Callable[[str], str] = question_only
    schema: Mapping[str, Any] | None = None
    question_schema: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    echo: Echo | None = None
    """What refuses pairs that repeat their prompt, the context apart."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A pair to be paraphrased: its name in calls' seeds, and what the column `paraphrase_of` of its
    paraphrases says: the hash of its prompt, or `real`."""

    name: str
    question: str
    answer: str
    paraphrase_of: str


class Paraphrase(Stage):
    """One candidate is one context with its K rows, all of them or (as rejects) the reasons why not."""

    def __init__(
        self,
        name: str,
        contexts: Mapping[str, str],
        real: Sequence[Example],
        targets: Targets,
        params: Params,
        pair_prompts: Prompts,
        prompts: Prompts,
        settings: ParaphraseSettings,
    ) -> None:
        self.name = name
        self.wanted = len(contexts) * settings.per_context
        self.max_candidates = len(contexts)
        self.rows_each = float(settings.per_context)
        self.most_rows_each = settings.per_context
        self.calls_at_once = settings.per_context
        self.shares_prefixes = True
        self._contexts = list(contexts.items())
        self._real = real
        self._targets = targets
        self._pair_params = params.held_to(sent(settings.schema) if settings.schema else None)
        self._params = params.held_to(sent(settings.question_schema) if settings.question_schema else None)
        self._pair_prompts = pair_prompts
        self._prompts = prompts
        self._settings = settings

    async def candidate(self, number: int, ask: Ask, history: int) -> Sequence[Draft | Reject]:
        context_id, context = self._contexts[number]
        settings = self._settings
        filters = settings.filters()
        make_pair = partial(self._pair, ask, context_id, context)
        pairs, rejects = await collect(make_pair, settings.per_context, filters)
        replaced = settings.replaced(number)
        if len(pairs) < settings.per_context or not replaced:
            return [*pairs, *rejects]
        order = Chance(settings.seed, "order", context_id).shuffled(range(settings.per_context))
        sources = self._sources(context_id, [pairs[i] for i in order], replaced)
        if settings.of_real and not sources:
            return [*rejects, Reject(Refusal.PARSE, f"no real pair about context {context_id} to paraphrase")]
        groups = await asyncio.gather(*(self._group(ask, context_id, source) for source in sources))
        paraphrases = [draft for drafts, _ in groups for draft in drafts]
        rejects += [reject for _, refused in groups for reject in refused]
        kept = [pairs[i] for i in sorted(order[replaced:])]
        gone = [_replaced(pairs[i]) for i in sorted(order[:replaced])]
        return [*kept, *paraphrases, *rejects, *gone]

    def _sources(self, context_id: str, shuffled: Sequence[Draft], replaced: int) -> list[_Source]:
        settings = self._settings
        count = self._groups(replaced)
        if not settings.of_real:
            return [
                _Source(f"g{number}", pair.row["question"], pair.row["answer"], pair.origin["prompt_hash"])
                for number, pair in enumerate(shuffled[:count])
            ]
        own = [pair for pair in self._real if pair["context_id"] == context_id]
        own = Chance(settings.seed, "real", context_id).shuffled(own)
        return [
            _Source(
                f"r{number}", own[number % len(own)]["question"], own[number % len(own)]["answer"], "real"
            )
            for number in range(count if own else 0)
        ]

    def _groups(self, replaced: int) -> int:
        """Pairs that are written anew for so many rows, `paraphrases` times each."""
        return replaced // self._settings.paraphrases

    def call_bounds(self) -> CallBounds:
        """Of every context each pair, and each paraphrase of those that are written anew: asked for once, or
        as often as `collect` tries."""
        settings = self._settings
        replaced = map(settings.replaced, range(len(self._contexts)))
        paraphrased = sum(settings.paraphrases * self._groups(count) for count in replaced)
        fewest = len(self._contexts) * settings.per_context + paraphrased
        return CallBounds(fewest, most_candidates(fewest))

    async def _group(self, ask: Ask, context_id: str, source: _Source) -> tuple[list[Draft], list[Reject]]:
        """m_p different paraphrases of one pair."""
        make = partial(self._paraphrase, ask, context_id, source)
        filters = [*self._settings.question_filters, _Different(source.question)]
        return await collect(make, self._settings.paraphrases, filters)

    async def _pair(self, ask: Ask, context_id: str, context: str, number: int) -> Draft | Reject:
        settings = self._settings
        call = self._pair_call(context_id, context, number)
        answer = await ask(call)
        return draft_of(
            call,
            answer,
            lambda text: settings.parse(text, context_id),
            settings.text_of,
            extra=settings.extra,
            echo=None if settings.echo is None else settings.echo.of(call.prompt, (context,)),
        )

    def _pair_call(self, context_id: str, context: str, number: int) -> Call:
        settings = self._settings
        chance = Chance(settings.seed, "pair", context_id, number)
        others = self._examples(chance, context_id, settings.examples_per_prompt)
        variables = {
            "task": settings.task,
            "item": "",
            "topic": "",
            "context": context,
            "examples": others,
            "length": settings.count(chance.choice(others)["text"]) if others else 0,
            "length_unit": settings.count.unit,
            "sentences": 0,
            "exactly": False,
            **in_prompts(settings.schema),
        }
        prompt, target = self._rendered(chance, self._pair_prompts, variables)
        return target.call(prompt, self._pair_params, chance.call_seed, context_id)

    async def _paraphrase(self, ask: Ask, context_id: str, source: _Source, number: int) -> Draft | Reject:
        settings = self._settings
        call = self._paraphrase_call(context_id, source, number)
        answer = await ask(call)

        def parse(text: str) -> Row:
            return {
                "context_id": context_id,
                "question": settings.parse_question(text),
                "answer": source.answer,
            }

        extra = {**settings.extra, "paraphrase_of": source.paraphrase_of}
        return draft_of(call, answer, parse, settings.text_of, extra=extra)

    def _paraphrase_call(self, context_id: str, source: _Source, number: int) -> Call:
        settings = self._settings
        chance = Chance(settings.seed, "paraphrase", context_id, source.name, number)
        example = next(iter(self._examples(chance, context_id, 1)), None)
        variables = {
            "task": settings.task,
            "question": source.question,
            "answer": source.answer,
            "example": example or {},
            **in_prompts(settings.question_schema),
        }
        prompt, target = self._rendered(chance, self._prompts, variables)
        return target.call(prompt, self._params, chance.call_seed)

    def _rendered(
        self, chance: Chance, prompts: Prompts, variables: Mapping[str, Any]
    ) -> tuple[str | tuple[Message, ...], Target]:
        target = self._targets.draw(chance)
        return prompts.render(variables, chat=target.chat), target

    def _examples(self, chance: Chance, context_id: str, count: int) -> list[Example]:
        """Real pairs about other contexts (a pair about this one would be copied)."""
        found: list[Example] = []
        for _ in range(20 * count):
            if len(found) == count or not self._real:
                break
            pair = chance.choice(self._real)
            if pair["context_id"] != context_id and pair not in found:
                found.append(pair)
        return found

    def outline(self, samples: int) -> Sequence[Sample]:
        settings = self._settings
        count = min(samples, len(self._contexts))
        chosen = self._contexts[:: len(self._contexts) // count][:count]
        share = len(self._contexts) / count
        pairs = [
            Sample(self._pair_call(context_id, text, 0), share * settings.per_context)
            for context_id, text in chosen
        ]
        replaced = settings.replaced(0)
        if not replaced or not self._real:
            return pairs
        sources = [_Source("g0", pair["question"], pair["answer"], "") for pair in self._real[:count]]
        return pairs + [
            Sample(self._paraphrase_call(context_id, source, 0), share * replaced)
            for (context_id, _), source in zip(chosen, sources, strict=False)
        ]


def _replaced(pair: Draft) -> Reject:
    return Reject(Refusal.REPLACED, "a paraphrase took its place", pair.text, pair.origin)


class _Different(Filter):
    """A paraphrase that repeats its source, or another paraphrase of it, word for word is none."""

    def __init__(self, question: str) -> None:
        self._seen = {normalised(question)}

    def judge(self, draft: Draft) -> Reject | None:
        if normalised(draft.row["question"]) in self._seen:
            return Reject(Refusal.NEAR_DUPLICATE, "repeats its source", draft.text, draft.origin)
        return None

    def accepted(self, draft: Draft) -> None:
        self._seen.add(normalised(draft.row["question"]))
