"""What a request would cost, before anything is spent: from the very prompts that it would send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from services.generator.calls.call import Call, Model
from services.generator.engine.stage import Sample, Stage
from services.generator.sources.registry import SourceSpec
from services.generator.text.tokens import TokenCounter, counter
from shared.contracts.fields import Range
from shared.contracts.generation.previews import CallsEstimate
from shared.contracts.instruments import Budget
from shared.estimates import plus

TOKENS_A_WORD = 1.35
"""Subword tokens for an English word, when the model's own tokenizer is not known (GPT-2: 1.3, Llama-3:
1.3–1.4)."""
STREAM_TOKENS_A_SECOND = (15.0, 80.0)
"""Tokens that a server writes in one second for one of many concurrent requests: a loaded large model, a
small one."""
READ_TOKENS_A_SECOND = (1_000.0, 50_000.0)
"""Prompt tokens that a server reads in a second, all requests together: on a CPU or with a large model, and
a small model on a GPU."""
READ_FOR_ONE_WRITTEN = 4.0
"""Prompt tokens that a server whose speed is stated reads in the time of one that it writes: SmolLM2-135M on
a CPU core writes 89 tokens a second for 32 texts at once, and reads 300 to 400."""
ACCEPTED_LOW = 0.5
"""The acceptance rate behind the upper bound."""
SAMPLES = 32


def estimate(
    samples: Sequence[Sample],
    specs: Mapping[str, SourceSpec],
    most: int,
    seed_texts: Sequence[str] = (),
    rounds: int = 1,
) -> CallsEstimate:
    """Calls, tokens, seconds and money of these calls, of which there are `most` at most. `seed_texts` are
    the real rows, whose lengths are asked for; without them an answer may have any length up to its call's
    `max_tokens`. With a dial all of it may be made in each of so many `rounds`."""
    counters = {spec.identity: counter(spec.tokenizer) for spec in specs.values()}
    exact = all(spec.tokenizer is not None for spec in specs.values())
    first = next(iter(counters.values()))
    answers = {
        limit: _answer_tokens(seed_texts, first, exact=exact, max_tokens=limit)
        for limit in {sample.call.params.max_tokens for sample in samples}
    }
    calls = tokens_in = tokens_out = Range(expected=0, low=0, high=0)
    likely_most = rounds * sum(_calls(sample).high for sample in samples)
    cut = min(1.0, most / likely_most)
    for sample in samples:
        made = _calls(sample)
        made = made.model_copy(update={"high": max(made.high * rounds * cut, made.low)})
        prompt = _prompt_tokens(sample.call, counters)
        sent = Range(
            expected=prompt, low=prompt * (1.0 if exact else 0.8), high=prompt * (1.0 if exact else 1.15)
        )
        calls = plus(calls, made)
        tokens_in = plus(tokens_in, _times(made, sent))
        tokens_out = plus(tokens_out, _times(made, answers[sample.call.params.max_tokens]))
    ranges = {
        name: Range(**{bound: round(value) for bound, value in found.model_dump().items()})
        for name, found in (("calls", calls), ("tokens_in", tokens_in), ("tokens_out", tokens_out))
    }
    return CallsEstimate(
        **ranges,
        seconds=_seconds(ranges["tokens_in"], ranges["tokens_out"], calls.expected, specs),
        money=_money(ranges, samples, specs),
        tokens_counted_by=", ".join(sorted({count.name for count in counters.values()})),
        assumptions=_assumptions(
            exact=exact,
            seeds=bool(seed_texts),
            rounds=rounds,
            stated=all(spec.tokens_per_second is not None for spec in specs.values()),
        ),
    )


def within(whole: CallsEstimate, budget: Budget) -> CallsEstimate:
    """What is left of an estimate when the measurement ends as soon as its budget is spent."""

    def share(bound: str) -> float:
        money = max((getattr(cost, bound) for cost in whole.money.values()), default=0.0)
        used = {
            "calls": getattr(whole.calls, bound),
            "tokens": getattr(whole.tokens_in, bound) + getattr(whole.tokens_out, bound),
            "money": money,
        }
        limits = {name: getattr(budget, name) for name in used}
        shares = [float(limits[name] / used[name]) for name in used if limits[name] and used[name]]
        return min(1.0, *shares) if shares else 1.0

    shares = {bound: share(bound) for bound in Range.model_fields}

    def cut(found: Range) -> Range:
        return Range(**{bound: round(getattr(found, bound) * part, 6) for bound, part in shares.items()})

    return whole.model_copy(
        update={
            **{name: cut(getattr(whole, name)) for name in ("calls", "tokens_in", "tokens_out", "seconds")},
            "money": {currency: cut(cost) for currency, cost in whole.money.items()},
        }
    )


def outlined(stages: Sequence[Stage]) -> list[Sample]:
    return [sample for stage in stages for sample in stage.outline(SAMPLES)]


def _calls(sample: Sample) -> Range:
    return Range(
        expected=sample.count,
        low=sample.count if sample.fewest is None else sample.fewest,
        high=sample.count / ACCEPTED_LOW if sample.most is None else sample.most,
    )


def _times(one: Range, other: Range) -> Range:
    return Range(**{bound: getattr(one, bound) * getattr(other, bound) for bound in Range.model_fields})


def _prompt_tokens(call: Call, counters: Mapping[Model, TokenCounter]) -> float:
    count = counters[call.model]
    texts = [call.prompt] if isinstance(call.prompt, str) else [message.content for message in call.prompt]
    tokens = sum(count(text) for text in texts)
    return tokens * (TOKENS_A_WORD if count.name == "words" else 1.0)


def _answer_tokens(seeds: Sequence[str], count: TokenCounter, *, exact: bool, max_tokens: int) -> Range:
    """Tokens of one answer: like the seeds where there are any, else anything up to the limit."""
    if not seeds:
        return Range(expected=max(1, max_tokens / 2), low=max(1, max_tokens / 16), high=max_tokens)
    scale = 1.0 if exact else TOKENS_A_WORD
    lengths = np.array([count(text) for text in seeds[:1000]]) * scale
    low, high = np.quantile(lengths, [0.05, 0.95])
    return Range(
        expected=min(float(lengths.mean()), max_tokens),
        low=min(float(low), max_tokens),
        high=min(float(high) * 1.5, max_tokens),
    )


def _seconds(tokens_in: Range, tokens_out: Range, calls: float, specs: Mapping[str, SourceSpec]) -> Range:
    """From the streams that the sources take at once, and what they have to read before; or from the speed
    that is stated of all of them. A stated request rate is a floor."""
    rates = [spec.requests_per_minute for spec in specs.values()]
    floor = calls / (sum(rate for rate in rates if rate) / 60) if rates and all(rates) else 0.0
    speeds = [spec.tokens_per_second for spec in specs.values() if spec.tokens_per_second is not None]
    if speeds and len(speeds) == len(specs):

        def taken(bound: str) -> float:
            worth: float = getattr(tokens_out, bound) + getattr(tokens_in, bound) / READ_FOR_ONE_WRITTEN
            return round(max(floor, worth / sum(speeds)), 1)

        return Range(**{bound: taken(bound) for bound in Range.model_fields})
    slow, fast = STREAM_TOKENS_A_SECOND
    reading, skimming = (rate * len(specs) for rate in READ_TOKENS_A_SECOND)
    at_first = min(sum(spec.concurrency for spec in specs.values()), max(1.0, calls))
    at_most = min(sum(spec.max_concurrency for spec in specs.values()), max(1.0, calls))
    return Range(
        expected=round(
            max(
                floor,
                tokens_out.expected / (at_first * (slow * fast) ** 0.5)
                + tokens_in.expected / (reading * skimming) ** 0.5,
            ),
            1,
        ),
        low=round(max(floor, tokens_out.low / (at_most * fast) + tokens_in.low / skimming), 1),
        high=round(max(floor, tokens_out.high / (at_first * slow) + tokens_in.high / reading), 1),
    )


def _money(
    ranges: Mapping[str, Range], samples: Sequence[Sample], specs: Mapping[str, SourceSpec]
) -> dict[str, Range]:
    """Each model's share of the calls at its price; peers of one model at the mean of theirs."""
    total = sum(sample.count for sample in samples)
    money: dict[str, Range] = {}
    for model in {spec.identity for spec in specs.values()}:
        peers = [spec for spec in specs.values() if spec.identity == model]
        share = sum(sample.count for sample in samples if sample.call.model == model) / total
        price_in = share * float(sum((p.price_in for p in peers), Decimal(0))) / len(peers) / 1e6
        price_out = share * float(sum((p.price_out for p in peers), Decimal(0))) / len(peers) / 1e6
        costs = {
            bound: price_in * getattr(ranges["tokens_in"], bound)
            + price_out * getattr(ranges["tokens_out"], bound)
            for bound in ("expected", "low", "high")
        }
        before = money.get(peers[0].currency, Range(expected=0, low=0, high=0))
        money[peers[0].currency] = Range(
            **{bound: round(getattr(before, bound) + cost, 6) for bound, cost in costs.items()}
        )
    return money


def _assumptions(*, exact: bool, seeds: bool, rounds: int, stated: bool) -> list[str]:
    slow, fast = STREAM_TOKENS_A_SECOND
    reading, skimming = READ_TOKENS_A_SECOND
    counted = (
        "the request's own prompts, counted with the model's tokenizer"
        if exact
        else f"words × {TOKENS_A_WORD}, because a source has no tokenizer registered"
    )
    turns = f", and each of {rounds} rounds of the dial makes all rows" if rounds > 1 else ""
    lengths = "as long as the examples" if seeds else "up to max_tokens, for want of examples"
    speed = (
        f"seconds: the sources' stated speed, a token written for {READ_FOR_ONE_WRITTEN:g} of a prompt read"
        if stated
        else f"seconds: {slow:g} to {fast:g} tokens a second for each request in flight, and {reading:,.0f} "
        f"to {skimming:,.0f} tokens of prompts read a second by a source, as servers differ"
    )
    return [
        f"upper bounds: one candidate in {1 / ACCEPTED_LOW:g} is accepted, or every try is needed{turns}; "
        "lower bounds: all are accepted at once",
        f"prompt tokens: {counted}",
        f"answer tokens: {lengths}",
        speed,
    ]
