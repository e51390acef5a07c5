"""Distinct-n and its relatives: how many of the n-grams are different.

Equation 6 is that of "What Matters in LLM-generated Data" (2506.19262; equation 5 is in `contexts`). The
paper leaves open the tokeniser (a parameter, `words` by default) and whether an n-gram may begin in one
document and end in the next (a parameter, `across`; by default it may not). All of these fall as texts
are added: compare sets of one size only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.ngrams.partition import Partitioner
from services.metrics.lexical.ngrams.prefixes import MOST_TOKENS, distinct_by_order
from services.metrics.lexical.ngrams.tables import ONE_TABLE, count_distinct, count_one_table
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import NO_TEXTS, Value, too_short

PAPER_ORDER = 5
# GPT-2's vocabulary: the scale of "length-corrected" is set by a vocabulary that EAD's paper takes from
# the model's tokeniser.
GPT2_VOCABULARY = 50_257


def ngram_total(tokens: Tokens, order: int) -> int:
    """How many n-grams of `order` tokens there are, occurrences counted."""
    return int(np.maximum(tokens.lengths - (order - 1), 0).sum())


def distinct_counts(tokens: Tokens, orders: Sequence[int]) -> list[int]:
    """How many different n-grams there are of each order; several together are counted fastest."""
    if any(order < 1 for order in orders):
        raise LexicalError("n-grams have at least one token")
    if len(orders) > 1 and len(tokens.hashes) <= MOST_TOKENS:
        found = distinct_by_order(tokens, max(2, *orders))
        return [found[order - 1] for order in orders]
    partitioner = Partitioner([tokens])
    return [_distinct_count(partitioner, tokens, order) for order in orders]


def _distinct_count(partitioner: Partitioner, tokens: Tokens, order: int) -> int:
    if order == 1:
        found = int(count_one_table(tokens.hashes, ONE_TABLE))
        if found >= 0:
            return found
    entries = partitioner.entries(order)
    return int(count_distinct(entries.keys, entries.starts))


def distinct_n(tokens: Tokens, order: int = PAPER_ORDER, *, across: bool = False) -> Value:
    """Different n-grams over all n-grams of the whole set, in (0, 1] (equation 6). None without n-grams."""
    return distinct_ns(tokens, [order], across=across)[0]


def distinct_ns(tokens: Tokens, orders: Sequence[int], *, across: bool = False) -> list[Value]:
    """Equation 6 for several orders in one go."""
    if not len(tokens):
        return [Value.none(NO_TEXTS) for _ in orders]
    tokens = tokens.joined() if across else tokens
    counts = distinct_counts(tokens, orders)
    return [
        Value.ratio(count, ngram_total(tokens, order), too_short(order))
        for count, order in zip(counts, orders, strict=True)
    ]


def expectation_adjusted_distinct(
    tokens: Tokens, order: int = 1, *, vocabulary: int = GPT2_VOCABULARY, across: bool = False
) -> Value:
    """EAD: different n-grams over the number expected of as many uniform draws (Liu et al. 2022, 2202.13587).

        EAD = D / (V^n (1 - (1 - V^-n)^C)),   D different of C n-grams, V the vocabulary

    The paper has n = 1 and V the size of a model's vocabulary; V^n possible n-grams for n > 1 and GPT-2's
    V by default are our choices. It corrects for length as Distinct-n does not, under that uniform model.
    """
    if vocabulary < 2:
        raise LexicalError("EAD needs a vocabulary of at least two tokens")
    if not len(tokens):
        return Value.none(NO_TEXTS)
    tokens = tokens.joined() if across else tokens
    total = ngram_total(tokens, order)
    return ead_value(distinct_counts(tokens, [order])[0], total, order, vocabulary)


def ead_value(distinct: int, total: int, order: int, vocabulary: int = GPT2_VOCABULARY) -> Value:
    """EAD from its counts."""
    possible = float(vocabulary) ** order
    expected = -possible * math.expm1(total * math.log1p(-1 / possible))
    return Value.ratio(distinct, expected, too_short(order))


def ngram_diversity(tokens: Tokens, longest: int = 4, *, across: bool = False) -> Value:
    """The sum of Distinct-1 to Distinct-`longest`, in (0, longest] (Shaib et al., 2403.00553).

    The `diversity` package's value, unrounded, is that of the tokeniser `spaces` with `across=True`:
    it joins all texts with a space, and splits at spaces.
    """
    values = distinct_ns(tokens, range(1, longest + 1), across=across)
    missing = next((value for value in values if value.value is None), None)
    return missing or Value(math.fsum(value.value for value in values if value.value is not None))
