"""What can be measured: each metric declared once, and the names that measurements refer to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Self

from pydantic import StringConstraints

HASHED_NGRAMS = "hashed-ngrams"
"""The built-in embedding: needs no model. It hashes word and character n-grams, so it sees words, not
meaning."""

EmbeddingName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
TokenizerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]
RunName = Annotated[str, StringConstraints(min_length=1, max_length=100)]

MEASURES_VERSION = 5
"""Raised when a value can change for the same texts and options: values of one version compare."""


class Family(StrEnum):
    """What a metric looks at."""

    LEXICAL = "words"
    SEMANTIC = "embeddings"
    SHIFT = "shift from a reference"
    QUALITY = "quality of rows"


@dataclass(frozen=True)
class About:
    """What there is to know of a metric. Measuring, reports and `docs/measures.md` read it here.

    `interval` says how its intervals are made, in Markdown. `titles` are those of its values in tables, where
    the name does not serve. A `usual` one is among those that `default` stands for.
    """

    family: Family
    what: str
    interval: str
    titles: Mapping[str, str] = field(default_factory=dict)
    usual: bool = False


MEAN = "`bootstrap`"
COUNTED = "`delete-a-group jackknife`"
LEFT_OUT = "`jackknife`"
INFLUENCE = "`influence`"
DELETE_ONE = "`delete_one_jackknife`"
BINOMIAL = "`exact_binomial`"
BOTH_SIDES = "`jackknife` of both sides, and no shift"


class Metric(StrEnum):
    """A measure, or a family that one pass gives together; `default` stands for the usual ones."""

    about: About | None

    def __new__(cls, name: str, about: About | None = None) -> Self:
        member = str.__new__(cls, name)
        member._value_ = name
        member.about = about
        return member

    DEFAULT = "default"

    DISTINCT = (
        "distinct",
        About(
            Family.LEXICAL,
            "Distinct-n, n = 1 … `max_order`: different n-grams over all; for `qa` summed over contexts",
            f"{COUNTED}; by context: `student_t` over contexts",
            {"distinct_2": "Distinct-2", "distinct_5": "Distinct-5"},
            usual=True,
        ),
    )
    EAD = (
        "ead",
        About(Family.LEXICAL, "Distinct-1 over what uniform draws from a vocabulary would give", COUNTED),
    )
    NGRAM_DIVERSITY = "ngram_diversity", About(Family.LEXICAL, "Distinct-1 to Distinct-4, summed", COUNTED)
    ENTROPY = "entropy", About(Family.LEXICAL, "Entropy of n-grams in bits, n = 1 … 3", COUNTED, usual=True)
    SELF_BLEU = (
        "self_bleu",
        About(
            Family.LEXICAL,
            "Mean BLEU of each text against all others: higher is less diverse",
            LEFT_OUT,
            {"self_bleu": "Self-BLEU"},
            usual=True,
        ),
    )
    SENTENCE_DIVERSITY = (
        "sentence_diversity",
        About(
            Family.LEXICAL,
            "100·(1 − Self-BLEU) of sentences, within each text and over pools of 100 texts",
            f"within: {MEAN}; pooled: `student_t` over pools of 100 texts",
            {
                "sentence_diversity_within": "sentence diversity",
                "sentence_diversity_pooled": "sentence diversity, pooled",
            },
        ),
    )
    COMPRESSION_RATIO = (
        "compression_ratio",
        About(
            Family.LEXICAL,
            "Bytes over gzip bytes: higher is less diverse",
            f"{LEFT_OUT}; replicates are one block each",
            usual=True,
        ),
    )
    SELF_REPETITION = (
        "self_repetition",
        About(
            Family.LEXICAL,
            "How often 4-grams recur, by the paper's and the package's formula",
            LEFT_OUT,
            usual=True,
        ),
    )
    VOCABULARY = (
        "vocabulary",
        About(
            Family.LEXICAL,
            "Types, type-token ratio, share of words that come once, Yule's K",
            f"types, ratio: {COUNTED}; hapax share, Yule's K: {LEFT_OUT}",
            usual=True,
        ),
    )
    HEAPS = (
        "heaps",
        About(
            Family.LEXICAL,
            "Heaps' law V(n) = K·n^β: how fast the vocabulary grows",
            COUNTED,
            {"heaps_beta": "Heaps β"},
            usual=True,
        ),
    )
    LENGTHS = (
        "lengths",
        About(
            Family.LEXICAL,
            "Tokens and characters of texts: mean, deviation, quantiles",
            f"means: {MEAN}; quantiles: `order_statistics`; deviation: {DELETE_ONE}",
            {"length_mean": "mean length"},
            usual=True,
        ),
    )
    HDD = "hdd", About(Family.LEXICAL, "HD-D, mean over texts that are long enough", MEAN)
    MTLD = "mtld", About(Family.LEXICAL, "MTLD, mean over texts that are long enough", MEAN)

    VENDI = (
        "vendi",
        About(
            Family.SEMANTIC,
            "Vendi score: the effective number of different texts, of order q",
            f"{INFLUENCE}; none of order 0",
            {"vendi": "Vendi"},
            usual=True,
        ),
    )
    DCSCORE = (
        "dcscore",
        About(Family.SEMANTIC, "How well each text is told apart from the others by a softmax", DELETE_ONE),
    )
    COSINE_DISTANCE = (
        "cosine_distance",
        About(
            Family.SEMANTIC,
            "Mean cosine distance of two texts",
            INFLUENCE,
            {"cosine_distance": "cosine distance"},
            usual=True,
        ),
    )
    REMOTE_CLIQUE = "remote_clique", About(Family.SEMANTIC, "Mean angular distance of two texts", INFLUENCE)
    CHAMFER = (
        "chamfer",
        About(
            Family.SEMANTIC,
            "Mean distance to the nearest other text",
            f"{DELETE_ONE}, wide by up to twice; none where rows share prompts or are copies",
        ),
    )
    CLUSTERS = (
        "clusters",
        About(
            Family.SEMANTIC,
            "k-means clusters: entropy, evenness, effective number, how many are occupied",
            f"{INFLUENCE}; occupied: {DELETE_ONE}; shares: {BINOMIAL}; none where rows share prompts or "
            "are copies",
        ),
    )

    UNIGRAM_SHIFT = (
        "unigram_shift",
        About(
            Family.SHIFT,
            "KL and JS of the distributions of words",
            BOTH_SIDES,
            {"js_unigram": "JS words"},
            usual=True,
        ),
    )
    BIGRAM_SHIFT = (
        "bigram_shift",
        About(
            Family.SHIFT,
            "JS of the distributions of pairs of neighbouring words: it sees their order",
            BOTH_SIDES,
            {"js_bigram": "JS word pairs"},
            usual=True,
        ),
    )
    LENGTH_SHIFT = (
        "length_shift",
        About(
            Family.SHIFT,
            "KL, JS and Wasserstein of the distributions of lengths",
            BOTH_SIDES,
            {"js_length": "JS lengths"},
            usual=True,
        ),
    )
    EMBEDDING_SHIFT = (
        "embedding_shift",
        About(
            Family.SHIFT,
            "KL and JS over k-means clusters of embeddings",
            BOTH_SIDES,
            {"js_embedding": "JS embeddings"},
            usual=True,
        ),
    )
    MMD = (
        "mmd",
        About(
            Family.SHIFT,
            "Maximum mean discrepancy and its permutation p-value",
            f"{DELETE_ONE}, and no shift; the p-value has none: it is about chance itself",
        ),
    )
    FRECHET = (
        "frechet",
        About(
            Family.SHIFT,
            "Fréchet distance of Gaussians fitted to embeddings",
            f"{BOTH_SIDES}; groups are taken off the moments",
        ),
    )
    MAUVE = (
        "mauve",
        About(
            Family.SHIFT, "Area under the divergence frontier over clusters", BOTH_SIDES, {"mauve": "MAUVE"}
        ),
    )
    COVERAGE = (
        "coverage",
        About(
            Family.SHIFT,
            "Share of real rows that something generated comes near (coverage), density, and precision and "
            "recall, by k nearest neighbours; the real rows that nothing comes near are listed",
            "`half_samples`, up to 5,000 rows a side",
            {"knn_precision": "precision", "knn_recall": "recall"},
            usual=True,
        ),
    )
    TWO_SAMPLE = (
        "two_sample",
        About(
            Family.SHIFT,
            "AUC of a classifier that tells generated from real: 0.5 is no shift",
            "`delong_and_relabelling`, and no shift",
            {"two_sample_auc": "two-sample AUC"},
            usual=True,
        ),
    )

    DUPLICATES = (
        "duplicates",
        About(
            Family.QUALITY,
            "Rows equal to an earlier one",
            DELETE_ONE,
            {"duplicate_share": "duplicates"},
            usual=True,
        ),
    )
    NEAR_DUPLICATES = (
        "near_duplicates",
        About(Family.QUALITY, "Rows that are near an earlier one, by Jaccard of shingles", DELETE_ONE),
    )
    EMBEDDING_DUPLICATES = (
        "embedding_duplicates",
        About(
            Family.QUALITY,
            "Rows whose embedding is near an earlier row's, which light paraphrase does not hide; and how "
            "often different real rows are as near",
            DELETE_ONE,
            {"embedding_duplicate_share": "near-duplicates by embedding"},
        ),
    )
    ECHO = (
        "echo",
        About(
            Family.QUALITY,
            "Rows that repeat so many words of their own prompt, and of an example in it; only where prompts "
            "are kept",
            BINOMIAL,
            {"echo_share": "echoes its prompt", "copied_example_share": "copies an example"},
            usual=True,
        ),
    )
    CONTAMINATION = (
        "contamination",
        About(Family.QUALITY, "Rows that hold a test row, and test rows that are held", BINOMIAL),
    )
    REJECTS = (
        "rejects",
        About(
            Family.QUALITY,
            "Share of rows that were refused when the dataset was made",
            "none: it is counted",
            usual=True,
        ),
    )


ABOUT: dict[Metric, About] = {metric: metric.about for metric in Metric if metric.about is not None}
LEXICAL = frozenset(metric for metric, about in ABOUT.items() if about.family is Family.LEXICAL)
SHIFT = frozenset(metric for metric, about in ABOUT.items() if about.family is Family.SHIFT)
DEFAULT_METRICS = tuple(metric for metric, about in ABOUT.items() if about.usual)
"""What `default` stands for: everything cheap, and of the shifts those that say where the shift lies.
Shifts are left out where there is no reference, `echo` where no prompts are kept."""
