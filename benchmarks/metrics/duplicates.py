"""Near-duplicates with Jaccard >= 0.7 over word 3-grams among 200,000 texts, beside rensa.

A twentieth of the texts are copies of others with two to five words replaced, so that there is something
to find at every similarity. rensa answers which rows share a band of their MinHash signatures with another;
ours gives the pairs and their exact similarities.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from rensa import RMinHash, RMinHashLSH

from benchmarks.metrics.corpus import paragraphs, words
from benchmarks.metrics.peers import version
from benchmarks.metrics.results import Row, cpu_seconds, row
from services.metrics.duplicates import NearDuplicates, near_duplicates
from services.metrics.lexical import Tokens

PLACE = 5
TEXTS, THRESHOLD, SHINGLE = 200_000, 0.7, 3
PERMUTATIONS, BANDS = 128, 16
CHECKED = 2_000


def rows() -> Iterator[Row]:
    texts = with_copies(paragraphs(TEXTS))
    column = pa.array(texts, pa.large_string())

    def exact() -> NearDuplicates:
        return near_duplicates(Tokens.of(column), threshold=THRESHOLD, shingle=SHINGLE)

    # Before the peer and after it, so that what else the machine does meanwhile slows both.
    before, found = cpu_seconds(exact, repeats=3)
    theirs, flags = cpu_seconds(lambda: with_rensa(texts))
    ours = min(before, cpu_seconds(exact, repeats=3)[0])
    alike = np.zeros(len(texts), bool)
    alike[found.pairs.ravel()] = True
    precision, recall = (alike & flags).sum() / flags.sum(), (alike & flags).sum() / alike.sum()
    note = (
        f"rensa is approximate: precision {precision:.3f}, recall {recall:.3f} of rows with a "
        f"near-duplicate; ours found {len(found.pairs)} pairs, and on {CHECKED} texts all pairs of sets"
    )
    equal = found.exact and equal_to_all_pairs(texts[-CHECKED // 2 :] + texts[: CHECKED // 2])
    yield row(
        "near_duplicates_200k_vs_rensa", "rensa", version("rensa"), ours, theirs, equal=equal, note=note
    )


def with_copies(texts: list[str]) -> list[str]:
    draw = random.Random(1)
    kept = texts[: len(texts) - len(texts) // 20]
    copies = []
    for text in draw.choices(kept, k=len(texts) - len(kept)):
        tokens = text.split()
        for _ in range(draw.randint(2, 5)):
            tokens[draw.randrange(len(tokens))] = "replaced"
        copies.append(" ".join(tokens))
    return kept + copies


def shingles(text: str) -> set[tuple[str, ...]]:
    tokens = words(text)
    return set(zip(*(tokens[k:] for k in range(SHINGLE)), strict=False))


def with_rensa(texts: list[str]) -> np.ndarray:
    """Its fastest way: sets of byte tokens to a matrix of signatures, flagged in one go."""
    sets = [[" ".join(gram).encode() for gram in shingles(text)] for text in texts]
    matrix = RMinHash.digest_matrix_from_token_byte_sets(sets, PERMUTATIONS, 42)
    index = RMinHashLSH(THRESHOLD, PERMUTATIONS, BANDS)
    return np.array(index.query_duplicate_flags_matrix_one_shot(matrix))


def equal_to_all_pairs(texts: list[str]) -> bool:
    found = near_duplicates(Tokens.of(texts), threshold=THRESHOLD, shingle=SHINGLE)
    sets = [shingles(text) for text in texts]
    expected = {
        (i, j)
        for j in range(len(sets))
        for i in range(j)
        if sets[i] and len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= THRESHOLD
    }
    return {tuple(pair) for pair in found.pairs.tolist()} <= expected and all(
        found.groups.first[i] == found.groups.first[j] for i, j in expected
    )
