"""Diversity of sentences: 100 · (1 − Self-BLEU) within a response, and over pools of responses.

"Synthetic Eggs in Many Baskets" (2511.01490) calls this lexical diversity: markdown is stripped, responses
are split into sentences, those of fewer than four words are left out, and each sentence's BLEU (sacrebleu's,
with effective order) is taken against all others of the same response, or of 100 pooled responses. The two
may disagree in sign (they do for its human data), so that both are given.

Ours, where the paper is silent: a sentence ends at a line's end and where `shared/text/sentences.py` says;
words are those of `shared/text/words.py`; pools are disjoint, drawn at random.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.measures.bleu import BleuStatistics, bleu_scores, nearest_lengths
from services.metrics.lexical.measures.contexts import salted
from services.metrics.lexical.measures.self_bleu import LONGEST, clipped_matches, statistics
from services.metrics.lexical.ngrams.partition import Partitioner
from services.metrics.lexical.text.tokenisers import DEFAULT_TOKENISER
from services.metrics.lexical.text.tokens import Tokens
from shared.text.sentences import sentences
from shared.text.words import count_words

FEWEST_WORDS = 4
POOL = 100
"""Responses in a pool."""
MOST_POOLS = 100

_FENCE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]\n]*)\](?:\([^()\n]*\)|\[[^\[\]\n]*\])")
# Rules and tables' borders; then what may begin a line: quotes, headings, list marks.
_RULE = re.compile(r"^[ \t]*(?:[-*_=|:][ \t]*){3,}$", re.MULTILINE)
_START = re.compile(r"^[ \t]*(?:(?:>+|#{1,6}|[-*+•]|\d{1,9}[.)])[ \t]+)+", re.MULTILINE)
_EMPHASIS = re.compile(r"\*{1,3}|~~|`+|(?<!\w)_{1,3}(?=\S)|(?<=\S)_{1,3}(?!\w)")


def plain(text: str) -> str:
    """The text without markdown: marks of fences, headings, quotes, lists, rules, tables, emphasis and code
    are taken out, and of a link its address."""
    for marks, kept in ((_FENCE, ""), (_LINK, r"\1"), (_RULE, ""), (_START, ""), (_EMPHASIS, "")):
        text = marks.sub(kept, text)
    return text.replace("|", " ")


def long_sentences(text: str) -> list[str]:
    """The sentences of a text that have four words or more, markdown stripped; none goes on in another
    line."""
    found = (sentence for line in plain(text).splitlines() for sentence in sentences(line))
    return [sentence for sentence in found if count_words(sentence) >= FEWEST_WORDS]


def diversity_within(texts: Iterable[str], tokeniser: str = DEFAULT_TOKENISER) -> NDArray[np.float64]:
    """100 · (1 − Self-BLEU) of the sentences of each text that has two or more, in order; (such texts,)."""
    return _diversities([long_sentences(text) for text in texts], tokeniser)


def diversity_of_pools(
    texts: Iterable[str], pools: NDArray[np.int64], tokeniser: str = DEFAULT_TOKENISER
) -> NDArray[np.float64]:
    """The same of the sentences of all texts of a pool together; `pools` (texts,) is each one's, from 0."""
    pooled: list[list[str]] = [[] for _ in range(int(pools.max(initial=-1)) + 1)]
    for text, pool in zip(texts, pools.tolist(), strict=True):
        pooled[pool] += long_sentences(text)
    return _diversities(pooled, tokeniser)


def drawn_pools(texts: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places, ascending, of the texts of up to 100 random disjoint pools of 100, and the pool of each.

    Fewer than 100 texts are one pool.
    """
    size = max(min(POOL, texts), 1)
    pools = min(texts // size, MOST_POOLS)
    drawn = np.random.default_rng([seed, 3]).permutation(texts)[: pools * size]
    order = np.argsort(drawn)
    return drawn[order], np.repeat(np.arange(pools), size)[order]


def _diversities(groups: list[list[str]], tokeniser: str) -> NDArray[np.float64]:
    """100 − the mean sacrebleu score of each group's sentences against its others; groups of one left out."""
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        return np.zeros(0)
    sizes = np.array([len(group) for group in groups])
    group = np.repeat(np.arange(len(groups)), sizes)
    tokens = Tokens.of([sentence for own in groups for sentence in own], tokeniser)
    scores = bleu_scores(statistics_within(tokens, group), "sacrebleu")
    return np.asarray(100 - np.bincount(group, weights=scores) / sizes)


def statistics_within(tokens: Tokens, group: NDArray[np.int64]) -> BleuStatistics:
    """BLEU's statistics of each document against the others of its group, all groups in one pass.

    group    (documents,) from 0; each has two documents or more
    """
    labels = [str(number) for number in range(int(group.max(initial=-1)) + 1)]
    partitioner = Partitioner([salted(tokens, labels, group)])
    matches = np.stack([clipped_matches(partitioner, order) for order in range(1, LONGEST + 1)])
    # Each group's lengths in a range of their own, so far apart that the nearest are of one group.
    apart = group * (2 * int(tokens.lengths.max(initial=0)) + 1)
    found = statistics(matches, tokens.lengths)
    return BleuStatistics(
        found.matches, found.totals, found.lengths, nearest_lengths(tokens.lengths + apart) - apart
    )
