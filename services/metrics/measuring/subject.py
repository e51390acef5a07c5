"""What is measured: a set of texts and, beside it, those it is measured from. Costly views are made once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.metrics.duplicates import exact_duplicates
from services.metrics.intervals.units import Units
from services.metrics.lexical import Tokens
from services.metrics.lexical.measures.intervals import LeftOut
from services.metrics.lexical.measures.lengths import Lengths
from services.metrics.lexical.ngrams.states import NgramCounts
from services.metrics.lexical.runners.local import InProcess, Runner
from services.metrics.lexical.runners.measure import measure_texts
from services.metrics.lexical.runners.report import LexicalValues
from services.metrics.lexical.settings import LexicalSettings
from services.metrics.lexical.text.texts import arrow_texts
from services.metrics.measuring.rows import Asked, Listing
from services.metrics.problems import Unmeasurable
from services.metrics.semantic.vectors import Vectors
from services.metrics.shift.coverage import Coverage
from services.metrics.shift.sides import Sides
from services.metrics.shift.twins import Twins, twins
from shared.contracts.contamination import NGRAM_WORDS
from shared.contracts.measurement import MeasureOptions, Metric
from shared.text.unspaced import UNSPACED

SHARD_BYTES = 32 * 2**20
"""Text that is tokenised at a time: what bounds the memory of a large dataset."""
MOST_JACKKNIFED = 20_000_000
"""Tokens up to which lexical values get intervals: they need all tokens in one place and a pass an order."""
MOST_SAMPLED_BYTES = 2 * 2**20
"""Text of the sample that is measured without each of its groups: with 20 groups, 40 MiB, a few seconds."""
HEAPS_STEP = 1000
HEAPS_POINTS = 20


@dataclass(frozen=True)
class TextSet:
    """The texts of one dataset.

    `contexts` names the context of each text where the dataset has contexts (`qa`): Distinct-n is then summed
    over them. `keys` names what each text came from (a prompt, a context, the row it paraphrases), None for a
    text of its own. `rejects` counts what was refused when the dataset was made, by reason. `asked` is there
    where prompts are kept. A shard holds about `shard_bytes` of text.
    """

    texts: pa.ChunkedArray
    contexts: Sequence[str] | None = None
    keys: Sequence[str | None] | None = None
    rejects: Mapping[str, int] = field(default_factory=dict)
    asked: Asked | None = None
    shard_bytes: int = SHARD_BYTES

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        contexts: Sequence[str] | None = None,
        keys: Sequence[str | None] | None = None,
        prompts: Sequence[str] | None = None,
    ) -> TextSet:
        """From strings. Raises LexicalError for what is no text."""
        asked = None if prompts is None else Asked(lambda: zip(texts, prompts, strict=True))
        own = contexts if keys is None else keys
        return cls(pa.chunked_array([arrow_texts(texts)]), contexts, own, asked=asked)

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def has_letters_for_words(self) -> bool:
        """Whether texts are, or hold, writing without spaces between words (`shared/text/unspaced.py`)."""
        others = self.texts.filter(pc.invert(pc.string_is_ascii(self.texts)))
        return bool(pc.any(pc.match_substring_regex(others, f"[{UNSPACED}]")).as_py())

    @cached_property
    def empty(self) -> int:
        """How many texts are empty, or white space."""
        return int(pc.sum(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(self.texts)), 0)).as_py() or 0)

    def text(self, row: int) -> str:
        """One text as a string."""
        return str(self.texts[row].as_py())

    def take(self, rows: NDArray[np.int64]) -> TextSet:
        """These rows as a set of their own."""
        contexts = None if self.contexts is None else [self.contexts[int(row)] for row in rows]
        keys = None if self.keys is None else [self.keys[int(row)] for row in rows]
        asked = None if self.asked is None else self.asked.take(rows)
        texts = self.texts.take(pa.array(rows))
        return replace(self, texts=texts, contexts=contexts, keys=keys, asked=asked)

    def shards(self) -> Iterator[tuple[int, pa.ChunkedArray]]:
        """Neighbouring texts of about `shard_bytes` in all, each with the place of its first."""
        rows = max(1, len(self.texts) * self.shard_bytes // max(1, self.texts.nbytes))
        for start in range(0, len(self.texts), rows):
            yield start, self.texts.slice(start, rows)


@dataclass(frozen=True)
class Embedded:
    """Embeddings of some rows of a set: `rows` are their places in it, ascending; `vectors` unit rows."""

    rows: NDArray[np.int64]
    vectors: Vectors
    description: Mapping[str, str | int | float | bool]


Embed = Callable[[TextSet], Embedded]


@dataclass(frozen=True)
class Subject:
    """A dataset under measurement. `details` gathers what lists say better than numbers, `lists` all the rows
    that measures name.

    `runner` makes what the lexical pass runs on: this process, several, or a Ray cluster. Above
    `most_jackknifed` tokens lexical values have no intervals; what must be measured again for each replicate
    is measured on a sample of at most `most_sampled_bytes`.
    """

    dataset: TextSet
    options: MeasureOptions
    embed: Embed
    reference: TextSet | None = None
    test: TextSet | None = None
    runner: Callable[[], Runner] = InProcess
    most_jackknifed: int = MOST_JACKKNIFED
    most_sampled_bytes: int = MOST_SAMPLED_BYTES
    details: dict[str, object] = field(default_factory=dict)
    lists: dict[str, Listing] = field(default_factory=dict)
    covered: dict[int, Coverage] = field(default_factory=dict, repr=False)
    _left_out: dict[int, LeftOut] = field(default_factory=dict, repr=False)

    @cached_property
    def metrics(self) -> list[Metric]:
        """The measures to take, in order."""
        return self.options.chosen(
            reference=self.reference is not None,
            test=self.test is not None,
            prompts=self.dataset.asked is not None,
        )

    @cached_property
    def lexical(self) -> LexicalValues:
        """Every lexical value of the dataset, in one pass over its shards."""
        settings = LexicalSettings(
            tokeniser=self.options.tokenizer,
            orders=tuple(range(1, max(3, self.options.max_order) + 1)),
            convention=self.options.self_bleu,
            step=self.heaps_step,
            compression=Metric.COMPRESSION_RATIO in self.metrics,
        )
        return measure_texts((shard for _, shard in self.dataset.shards()), settings, runner=self.runner())

    @property
    def heaps_step(self) -> int:
        return heaps_step(self.size)

    @cached_property
    def size(self) -> int:
        """Tokens of the dataset."""
        return self.lengths.total

    @cached_property
    def lengths(self) -> Lengths:
        return token_lengths(self.dataset, self.options.tokenizer)

    @cached_property
    def reference_lengths(self) -> Lengths:
        return token_lengths(self.required_reference, self.options.tokenizer)

    @cached_property
    def tokens(self) -> Tokens:
        """All tokens in one place."""
        return Tokens.of(self.dataset.texts, self.options.tokenizer)

    @cached_property
    def reference_tokens(self) -> Tokens:
        """The reference's, in one place."""
        return Tokens.of(self.required_reference.texts, self.options.tokenizer)

    def tokens_by_shard(self) -> Iterator[tuple[int, Tokens]]:
        """The tokens of each shard with the place of its first text."""
        for start, shard in self.dataset.shards():
            yield start, Tokens.of(shard, self.options.tokenizer)

    def left_out(self, order: int) -> LeftOut | None:
        """The n-grams' jackknife over groups of texts: one pass serves every measure of that order."""
        if self.size > self.most_jackknifed or len(self.dataset) < 2:
            return None
        if order not in self._left_out:
            self._left_out[order] = LeftOut.of(
                self.tokens,
                order,
                units=None if self.units.alone else self.units.of,
                seed=self.options.seed,
            )
        return self._left_out[order]

    @cached_property
    def units(self) -> Units:
        """What was drawn, of the dataset: texts of one prompt, and copies, are one draw."""
        return drawn_units(self.dataset.texts, self.dataset.keys)

    @cached_property
    def sides(self) -> Sides:
        """The reference's rows and the dataset's as one pool, with what was drawn on both sides together."""
        sets = self.required_reference, self.dataset
        texts = pa.chunked_array([chunk for one in sets for chunk in one.texts.chunks], pa.large_string())
        known = any(one.keys is not None for one in sets)
        keys = [key for one in sets for key in (one.keys or [None] * len(one))] if known else None
        return Sides.of(len(sets[0]), len(sets[1]), drawn_units(texts, keys))

    @cached_property
    def embedded_sides(self) -> Sides:
        """The same of the rows that are embedded."""
        rows = np.concatenate(
            [self.reference_embedded.rows, len(self.required_reference) + self.embedded.rows]
        )
        return self.sides.take(rows) if len(rows) < len(self.sides) else self.sides

    @cached_property
    def twins(self) -> Twins:
        """Whether rows have twins on the other side that no key tells of."""
        vectors = np.concatenate([self.reference_embedded.vectors, self.embedded.vectors])
        return twins(vectors, self.embedded_sides, seed=self.options.seed)

    @cached_property
    def embedded_units(self) -> Units:
        """What was drawn, of the dataset's rows that are embedded."""
        rows = self.embedded.rows
        return self.units.take(rows) if len(rows) < len(self.units) else self.units

    @cached_property
    def embedded(self) -> Embedded:
        return self.embed(self.dataset)

    @cached_property
    def reference_embedded(self) -> Embedded:
        if self.reference is self.dataset:
            return self.embedded
        return self.embed(self.required_reference)

    @property
    def required_reference(self) -> TextSet:
        """Raises Unmeasurable when there is none to measure shift from."""
        if self.reference is None:
            raise Unmeasurable(
                "no_reference", "Shift is measured from a reference: name one.", field="reference"
            )
        return self.reference

    @property
    def required_test(self) -> TextSet:
        """Raises Unmeasurable when there is no test set."""
        if self.test is None:
            raise Unmeasurable("no_test", "Contamination is measured by a test set: name one.", field="test")
        return self.test


def drawn_units(texts: pa.ChunkedArray, keys: Sequence[str | None] | None) -> Units:
    """The units of texts that share a key or are copies. Short texts are the same by chance: copies are
    texts of `NGRAM_WORDS` words or more, as in contamination."""
    copies = exact_duplicates(texts)
    if copies.duplicates:
        words = pc.count_substring_regex(texts, r"\S+").to_numpy()
        short = np.flatnonzero(words < NGRAM_WORDS)
        copies.first[short] = short
    return Units.found(len(texts), keys, copies)


def heaps_step(tokens: int) -> int:
    """Tokens between the points of Heaps' law: 1,000, or fewer where that would leave under 20 points."""
    return min(HEAPS_STEP, max(1, tokens // HEAPS_POINTS))


def token_lengths(texts: TextSet, tokenizer: str) -> Lengths:
    """The lengths of the texts in tokens, shard by shard."""
    found = Lengths.of(np.zeros(0, np.int64))
    for _, shard in texts.shards():
        found = found.merge(Lengths.in_tokens(Tokens.of(shard, tokenizer)))
    return found


def ngram_counts(texts: TextSet, tokenizer: str, order: int) -> NgramCounts:
    """The counts of the texts' n-grams, shard by shard."""
    counts = NgramCounts.of(Tokens.of([], tokenizer), order)
    return counts.merge(*(NgramCounts.of(Tokens.of(shard, tokenizer), order) for _, shard in texts.shards()))


def sampled_rows(count: int, at_most: int, seed: int) -> NDArray[np.int64]:
    """Places of a seeded sample without replacement, ascending; all of them when they are not more."""
    if count <= at_most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, at_most, replace=False))
