"""The measures by name, and one pass over those that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.metrics.lexical import BrokenText, LexicalError, MissingText, UnknownTokeniser
from services.metrics.lexical.text.tokenisers import DEFAULT_TOKENISER
from services.metrics.measuring import lexical, quality, semantic, shift
from services.metrics.measuring.coverage import coverages
from services.metrics.measuring.echo import echo
from services.metrics.measuring.subject import Subject
from services.metrics.measuring.values import undefined
from services.metrics.problems import Unmeasurable, require_rows
from shared.contracts.measurement import MEASURES_VERSION, SHIFT, Measured, MeasuredValue, Metric

MEASURES: dict[Metric, Callable[[Subject], Iterator[MeasuredValue]]] = {
    Metric.DISTINCT: lexical.distinct,
    Metric.EAD: lexical.ead,
    Metric.NGRAM_DIVERSITY: lexical.diversity,
    Metric.ENTROPY: lexical.entropies,
    Metric.SELF_BLEU: lexical.bleu,
    Metric.SENTENCE_DIVERSITY: lexical.sentence_diversity,
    Metric.COMPRESSION_RATIO: lexical.compression,
    Metric.SELF_REPETITION: lexical.repetition,
    Metric.VOCABULARY: lexical.vocabulary,
    Metric.HEAPS: lexical.heaps,
    Metric.LENGTHS: lexical.lengths,
    Metric.HDD: lexical.hdd,
    Metric.MTLD: lexical.mtld,
    Metric.VENDI: semantic.vendi_scores,
    Metric.DCSCORE: semantic.dcscores,
    Metric.COSINE_DISTANCE: semantic.cosine_distance,
    Metric.REMOTE_CLIQUE: semantic.cliques,
    Metric.CHAMFER: semantic.chamfers,
    Metric.CLUSTERS: semantic.clusters,
    Metric.UNIGRAM_SHIFT: shift.unigrams,
    Metric.BIGRAM_SHIFT: shift.bigrams,
    Metric.LENGTH_SHIFT: shift.lengths,
    Metric.EMBEDDING_SHIFT: shift.embeddings,
    Metric.MMD: shift.discrepancy,
    Metric.FRECHET: shift.frechet,
    Metric.MAUVE: shift.mauves,
    Metric.COVERAGE: coverages,
    Metric.TWO_SAMPLE: shift.classifier,
    Metric.DUPLICATES: quality.exact_duplicates,
    Metric.NEAR_DUPLICATES: quality.near_duplicates,
    Metric.EMBEDDING_DUPLICATES: quality.embedding_duplicates,
    Metric.ECHO: echo,
    Metric.CONTAMINATION: quality.contamination,
    Metric.REJECTS: quality.rejects,
}

BROKEN = frozenset({"nan_embeddings", "zero_embeddings", "bad_embeddings"})
"""Refusals that mean the embedding failed, not that the texts lack the measure."""

IN_LETTERS = "scripts that put no spaces between words are counted in letters"

Step = Callable[[int, int, str], None]


def measure(subject: Subject, step: Step = lambda done, total, name: None) -> Measured:
    """Every measure that was asked for, in order; `step` is told before each.

    A measure that these texts do not have (Self-BLEU of one text) is null with the reason. Raises
    Unmeasurable for an empty dataset, a parameter at fault or broken embeddings, and LexicalError for
    texts that are none.
    """
    require_rows(len(subject.dataset), 1, "A measurement")
    if subject.reference is not None:
        require_rows(len(subject.reference), 1, "The shift from a reference")
    metrics = subject.metrics
    values: list[MeasuredValue] = []
    for done, metric in enumerate(metrics):
        step(done, len(metrics), metric)
        values += _values(metric, subject)
    step(len(metrics), len(metrics), "")
    return Measured(
        rows=len(subject.dataset),
        tokens=subject.size,
        version=MEASURES_VERSION,
        values=values,
        details=subject.details,
    )


def _values(metric: Metric, subject: Subject) -> list[MeasuredValue]:
    try:
        return [_with_notes(metric, value, subject) for value in MEASURES[metric](subject)]
    except UnknownTokeniser as error:
        raise Unmeasurable("unknown_tokenizer", str(error), field="tokenizer") from error
    except (BrokenText, MissingText):
        raise
    except LexicalError as error:
        return [undefined(metric, str(error))]
    except Unmeasurable as error:
        if error.field is not None or error.code in BROKEN:
            raise
        return [undefined(metric, error.detail)]


def _with_notes(metric: Metric, value: MeasuredValue, subject: Subject) -> MeasuredValue:
    """The value, with a note where the default tokenizer takes letters of the dataset for words, where texts
    are empty, and of what its interval takes for a draw."""
    notes, about_interval = [value.note], [value.interval_note]
    if value.estimator.get("tokenizer") == DEFAULT_TOKENISER and subject.dataset.has_letters_for_words:
        notes.append(IN_LETTERS)
    if subject.dataset.empty:
        notes.append(f"{subject.dataset.empty} of {len(subject.dataset)} texts are empty")
    if value.interval is not None and metric not in SHIFT and subject.units.note:
        about_interval.append(subject.units.note)
    told = {"note": notes, "interval_note": about_interval}
    return value.model_copy(
        update={at: "; ".join(part for part in parts if part) for at, parts in told.items()}
    )
