"""Distinct-1 to Distinct-5 over 10 million words, beside `diversity` and polars."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import polars as pl
import pyarrow as pa

from benchmarks.metrics.corpus import paragraphs
from benchmarks.metrics.peers import diversity, version
from benchmarks.metrics.results import Row, cpu_seconds, row
from services.metrics.lexical import Tokens, distinct_ns, ngram_diversity

PLACE = 1
TEXTS = 200_000
ORDERS = range(1, 6)


def rows() -> Iterator[Row]:
    """Both from the texts to the values: against `diversity` the sum of the five that it gives, rounded as it
    rounds; against polars the five values."""
    texts = paragraphs(TEXTS)
    column = pa.array(texts, pa.large_string())
    ours, value = cpu_seconds(lambda: ngram_diversity(Tokens.of(column, "spaces"), 5, across=True), repeats=5)
    peer = diversity("ngram_diversity").ngram_diversity_score
    theirs, expected = cpu_seconds(lambda: peer(texts, num_n=5))
    equal = round(value.value, 3) == expected
    note = "the package's own tokens and joins; all five as their sum, which is what it gives"
    yield row(
        "distinct_1_5_vs_diversity", "diversity", version("diversity"), ours, theirs, equal=equal, note=note
    )

    ours, values = cpu_seconds(lambda: distinct_ns(Tokens.of(column), ORDERS), repeats=5)
    theirs, expected = cpu_seconds(lambda: with_polars(column))
    equal = [value.value for value in values] == expected
    yield row("distinct_1_5_vs_polars", "polars", version("polars"), ours, theirs, equal=equal)


def with_polars(column: pa.Array) -> list[float]:
    """Words hashed to 64 bits, n-grams as combined hashes, counted by `n_unique`; none across texts."""
    texts = pl.from_arrow(column).alias("text")
    frame = pl.DataFrame(texts).with_row_index("document")
    split = pl.col("text").str.to_lowercase().str.extract_all(r"\w+")
    tokens = frame.select("document", split.alias("word")).explode("word").drop_nulls()
    tokens = tokens.select("document", pl.col("word").hash())
    values = []
    for order in ORDERS:
        whole = pl.col("document") == pl.col("document").shift(1 - order)
        shifted = [pl.col("word").shift(-k) for k in range(order)]
        key = reduce(lambda left, right: left * 0x9E3779B97F4A7C15 + right, shifted)
        found = tokens.select(key.filter(whole).n_unique().alias("distinct"), whole.sum().alias("total"))
        values.append(found["distinct"][0] / found["total"][0])
    return values
