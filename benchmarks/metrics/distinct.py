"""Distinct-1 to Distinct-5 over 10 million words, beside `diversity` and polars."""

from __future__ import annotations

import functools
from collections.abc import Iterator

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
    for name, peer, note in (
        ("distinct_1_5_vs_polars", with_polars, "polars counts the n-grams' strings: exact, as ours is"),
        ("distinct_1_5_vs_polars_hashed", with_polars_hashes, "polars counts 64-bit hashes combined by hand"),
    ):
        theirs, expected = cpu_seconds(functools.partial(peer, column))
        equal = [value.value for value in values] == expected
        yield row(name, "polars", version("polars"), ours, theirs, equal=equal, note=note)


def with_polars(column: pa.Array) -> list[float]:
    """Words joined to n-grams, counted by `n_unique`; none across texts. (A struct of numbered words, which
    is as exact, takes a fifth longer.)"""
    words = words_of(column)
    grams = {n: pl.concat_str([pl.col("word").shift(-k) for k in range(n)], separator=" ") for n in ORDERS}
    return [distinct(order, gram, words) for order, gram in grams.items()]


def with_polars_hashes(column: pa.Array) -> list[float]:
    """Words hashed to 64 bits and n-grams as combined hashes: what can be done in polars by hand."""
    words = words_of(column).select("document", pl.col("word").hash())
    values = []
    for order in ORDERS:
        shifted = [pl.col("word").shift(-k) for k in range(order)]
        key = functools.reduce(lambda left, right: left * 0x9E3779B97F4A7C15 + right, shifted)
        values.append(distinct(order, key, words))
    return values


def words_of(column: pa.Array) -> pl.DataFrame:
    """A row for each word, with the number of its text."""
    frame = pl.DataFrame(pl.from_arrow(column).alias("text")).with_row_index("document")
    split = pl.col("text").str.to_lowercase().str.extract_all(r"\w+")
    return frame.select("document", split.alias("word")).explode("word").drop_nulls()


def distinct(order: int, gram: pl.Expr, words: pl.DataFrame) -> float:
    """Distinct-n, `gram` being the n-gram that begins at each word."""
    whole = pl.col("document") == pl.col("document").shift(1 - order)
    found = words.select(gram.filter(whole).n_unique().alias("distinct"), whole.sum().alias("total"))
    return float(found["distinct"][0] / found["total"][0])
