"""What a request would cost, before anything is spent: from the very prompts that it would send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from services.generator.calls import Call, Model
from services.generator.engine.stage import Sample, Stage
from services.generator.sources.registry import SourceSpec
from services.generator.tokens import TokenCounter, counter
from shared.contracts.generation import Estimate, Range

TOKENS_A_WORD = 1.35
"""Subword tokens for an English word, when the model's own tokenizer is not known (GPT-2: 1.3, Llama-3:
1.3–1.4)."""
STREAM_TOKENS_A_SECOND = (15.0, 80.0)
"""Tokens that a server writes in one second for one of many concurrent requests: a loaded large model, a
small one."""
ACCEPTED_LOW = 0.5
"""The acceptance rate behind the upper bound."""
SAMPLES = 32


def estimate(
    stages: Sequence[Stage], specs: Mapping[str, SourceSpec], seed_texts: Sequence[str], max_tokens: int
) -> Estimate:
    """Calls, tokens, seconds and money of the stages. `seed_texts` are the real rows, whose lengths are
    asked for."""
    samples = [sample for stage in stages for sample in stage.outline(SAMPLES)]
    counters = {spec.identity: counter(spec.tokenizer) for spec in specs.values()}
    exact = all(spec.tokenizer is not None for spec in specs.values())
    calls = sum(sample.count for sample in samples)
    tokens_in = sum(sample.count * _prompt_tokens(sample.call, counters) for sample in samples)
    each = _answer_tokens(seed_texts, next(iter(counters.values())), exact=exact, max_tokens=max_tokens)
    more = 1 / ACCEPTED_LOW
    ranges = {
        "calls": _spread(calls, 1.0, more),
        "tokens_in": _spread(tokens_in, 1.0 if exact else 0.85, more if exact else 1.15 * more),
        "tokens_out": Range(
            expected=round(calls * each.expected),
            low=round(calls * each.low),
            high=round(more * calls * each.high),
        ),
    }
    return Estimate(
        **ranges,
        seconds=_seconds(ranges["tokens_out"], calls, specs),
        money=_money(ranges, samples, specs),
        tokens_counted_by=", ".join(sorted({count.name for count in counters.values()})),
        assumptions=_assumptions(exact=exact, seeds=bool(seed_texts)),
    )


def _spread(expected: float, low: float, high: float) -> Range:
    return Range(expected=round(expected), low=round(expected * low), high=round(expected * high))


def _prompt_tokens(call: Call, counters: Mapping[Model, TokenCounter]) -> float:
    count = counters[call.model]
    texts = [call.prompt] if isinstance(call.prompt, str) else [message.content for message in call.prompt]
    tokens = sum(count(text) for text in texts)
    return tokens * (TOKENS_A_WORD if count.name == "words" else 1.0)


def _answer_tokens(seeds: Sequence[str], count: TokenCounter, *, exact: bool, max_tokens: int) -> Range:
    """Tokens of one answer: like the seeds where there are any, else anything up to the limit."""
    if not seeds:
        return Range(expected=max_tokens / 2, low=max_tokens / 16, high=max_tokens)
    scale = 1.0 if exact else TOKENS_A_WORD
    lengths = np.array([count(text) for text in seeds[:1000]]) * scale
    low, high = np.quantile(lengths, [0.05, 0.95])
    return Range(
        expected=min(float(lengths.mean()), max_tokens),
        low=min(float(low), max_tokens),
        high=min(float(high) * 1.5, max_tokens),
    )


def _seconds(tokens_out: Range, calls: float, specs: Mapping[str, SourceSpec]) -> Range:
    """From the streams that the sources take at once; a stated request rate is a floor."""
    slow, fast = STREAM_TOKENS_A_SECOND
    at_first = sum(spec.concurrency for spec in specs.values())
    at_most = sum(spec.max_concurrency for spec in specs.values())
    rates = [spec.requests_per_minute for spec in specs.values()]
    floor = calls / (sum(rate for rate in rates if rate) / 60) if rates and all(rates) else 0.0
    return Range(
        expected=round(max(floor, tokens_out.expected / (at_first * (slow * fast) ** 0.5)), 1),
        low=round(max(floor, tokens_out.low / (at_most * fast)), 1),
        high=round(max(floor, tokens_out.high / (at_first * slow)), 1),
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


def _assumptions(*, exact: bool, seeds: bool) -> list[str]:
    slow, fast = STREAM_TOKENS_A_SECOND
    counted = (
        "the request's own prompts, counted with the model's tokenizer"
        if exact
        else f"words × {TOKENS_A_WORD}, because a source has no tokenizer registered"
    )
    lengths = "as long as the examples" if seeds else "up to max_tokens, for want of examples"
    return [
        f"upper bounds: one candidate in {1 / ACCEPTED_LOW:g} is accepted; lower bounds: all are",
        f"prompt tokens: {counted}",
        f"answer tokens: {lengths}",
        f"seconds: {slow:g} to {fast:g} tokens a second for each request in flight, as servers differ",
    ]
