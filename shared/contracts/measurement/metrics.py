"""What can be measured, by name, and the names that measurements refer to."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

HASHED_NGRAMS = "hashed-ngrams"
"""The built-in embedding: needs no model. It hashes word and character n-grams, so it sees words, not
meaning."""

EmbeddingName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
TokenizerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]
RunName = Annotated[str, StringConstraints(min_length=1, max_length=100)]

MEASURES_VERSION = 3
"""Raised when a value can change for the same texts and options: values of one version compare."""


class Metric(StrEnum):
    """A measure, or a family that one pass gives together; `default` stands for the usual ones."""

    DEFAULT = "default"

    DISTINCT = "distinct"
    EAD = "ead"
    NGRAM_DIVERSITY = "ngram_diversity"
    ENTROPY = "entropy"
    SELF_BLEU = "self_bleu"
    SENTENCE_DIVERSITY = "sentence_diversity"
    COMPRESSION_RATIO = "compression_ratio"
    SELF_REPETITION = "self_repetition"
    VOCABULARY = "vocabulary"
    HEAPS = "heaps"
    LENGTHS = "lengths"
    HDD = "hdd"
    MTLD = "mtld"

    VENDI = "vendi"
    DCSCORE = "dcscore"
    COSINE_DISTANCE = "cosine_distance"
    REMOTE_CLIQUE = "remote_clique"
    CHAMFER = "chamfer"
    CLUSTERS = "clusters"

    UNIGRAM_SHIFT = "unigram_shift"
    LENGTH_SHIFT = "length_shift"
    EMBEDDING_SHIFT = "embedding_shift"
    MMD = "mmd"
    FRECHET = "frechet"
    MAUVE = "mauve"
    TWO_SAMPLE = "two_sample"

    DUPLICATES = "duplicates"
    NEAR_DUPLICATES = "near_duplicates"
    CONTAMINATION = "contamination"
    REJECTS = "rejects"


LEXICAL = frozenset(
    {
        Metric.DISTINCT, Metric.EAD, Metric.NGRAM_DIVERSITY, Metric.ENTROPY, Metric.SELF_BLEU,
        Metric.SENTENCE_DIVERSITY, Metric.COMPRESSION_RATIO, Metric.SELF_REPETITION, Metric.VOCABULARY,
        Metric.HEAPS, Metric.LENGTHS, Metric.HDD, Metric.MTLD,
    }
)  # fmt: skip
SEMANTIC = frozenset(
    {
        Metric.VENDI, Metric.DCSCORE, Metric.COSINE_DISTANCE, Metric.REMOTE_CLIQUE, Metric.CHAMFER,
        Metric.CLUSTERS,
    }
)  # fmt: skip
EMBEDDED_SHIFT = frozenset(
    {Metric.EMBEDDING_SHIFT, Metric.MMD, Metric.FRECHET, Metric.MAUVE, Metric.TWO_SAMPLE}
)
SHIFT = frozenset({Metric.UNIGRAM_SHIFT, Metric.LENGTH_SHIFT}) | EMBEDDED_SHIFT
QUALITY = frozenset({Metric.DUPLICATES, Metric.NEAR_DUPLICATES, Metric.CONTAMINATION, Metric.REJECTS})

DEFAULT_METRICS = (
    Metric.DISTINCT, Metric.ENTROPY, Metric.SELF_BLEU, Metric.COMPRESSION_RATIO, Metric.SELF_REPETITION,
    Metric.VOCABULARY, Metric.HEAPS, Metric.LENGTHS, Metric.VENDI, Metric.COSINE_DISTANCE,
    Metric.UNIGRAM_SHIFT, Metric.LENGTH_SHIFT, Metric.EMBEDDING_SHIFT, Metric.TWO_SAMPLE,
    Metric.DUPLICATES, Metric.REJECTS,
)  # fmt: skip
"""What `default` stands for: everything cheap, and of the shifts those that say where the shift lies.
Shifts are left out where there is no reference."""
