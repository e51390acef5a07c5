"""Quality of a subject: repeated rows, rows of a test set, and what was refused when it was made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import reduce

import numpy as np

from services.metrics.duplicates import Contamination, HeldOutIndex
from services.metrics.duplicates import exact_duplicates as find_equal
from services.metrics.duplicates import near_duplicates as find_near
from services.metrics.duplicates.by_embedding import pairs_within
from services.metrics.duplicates.groups import Groups
from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.intervals.jackknife import delete_one_interval
from services.metrics.intervals.shares import drawn_share_interval, repeated_interval, share_interval
from services.metrics.lexical import Tokens
from services.metrics.lexical.text.tokenisers import DEFAULT_TOKENISER
from services.metrics.measuring.semantic import about
from services.metrics.measuring.subject import Subject, TextSet
from services.metrics.measuring.values import Estimator, measured
from services.metrics.problems import Unmeasurable, require_rows
from shared.contracts.measurement import MeasuredValue

Values = Iterator[MeasuredValue]
SHOWN = 20
EXCERPT = 300


def exact_duplicates(subject: Subject) -> Values:
    """Rows whose text an earlier row has, character for character (in NFC)."""
    groups = find_equal(subject.dataset.texts)
    subject.details["duplicates"] = _groups(groups.members(), subject.dataset)
    yield measured(
        "duplicate_share",
        groups.duplicates / len(subject.dataset),
        {"equation": "rows equal to an earlier row / rows", "rows": groups.duplicates},
        repeated_interval(groups.first, units=subject.units, level=subject.options.level),
        moves_with_size=True,
    )


def near_duplicates(subject: Subject) -> Values:
    """Rows that are near an earlier row; groups are connected pairs."""
    options = subject.options
    found = find_near(
        [tokens for _, tokens in subject.tokens_by_shard()],
        threshold=options.near_duplicate_similarity,
        shingle=options.shingle,
    )
    # Texts without words have no shingles, and may be equal all the same.
    groups = found.groups.merge(find_equal(subject.dataset.texts))
    subject.details["near_duplicates"] = _groups(groups.members(), subject.dataset)
    yield measured(
        "near_duplicate_share",
        groups.duplicates / len(subject.dataset),
        {
            "equation": "rows near an earlier row of their group / rows",
            "rows": groups.duplicates,
            "similarity": f"Jaccard of {found.shingle}-word shingles ≥ {found.threshold}",
            "tokenizer": options.tokenizer,
            "method": found.method,
        },
        repeated_interval(groups.first, units=subject.units, level=options.level),
        moves_with_size=True,
        note=""
        if found.exact
        else "too many candidates: pairs were looked for by MinHash, some may be missed",
    )


def embedding_duplicates(subject: Subject) -> Values:
    """Rows near an earlier one by embedding; then how often different rows of the reference are as near."""
    options = subject.options
    threshold = options.embedding_duplicate_similarity
    found = pairs_within(subject.embedded.vectors, threshold)
    groups = Groups.of(len(subject.embedded.rows), found.pairs)
    members = [subject.embedded.rows[group].tolist() for group in groups.members()]
    subject.details["embedding_duplicates"] = _groups(members, subject.dataset)
    told: dict[str, Estimator] = {**about(subject), "similarity": f"cosine ≥ {threshold}"}
    yield measured(
        "embedding_duplicate_share",
        groups.duplicates / len(groups.first),
        {
            **told,
            "equation": "rows near an earlier row of their group / rows",
            "repeating_rows": groups.duplicates,
        },
        repeated_interval(groups.first, units=subject.embedded_units, level=options.level),
        moves_with_size=True,
    )
    if subject.reference is not None:
        yield _false_rate(subject, told)


def _false_rate(subject: Subject, told: dict[str, Estimator]) -> MeasuredValue:
    """Of the pairs of reference rows whose texts differ, the share that reach the threshold: what it takes
    for duplicates where there are none."""
    reference, options = subject.reference_embedded, subject.options
    texts = subject.required_reference.take(reference.rows).texts
    different = np.flatnonzero(~find_equal(texts).repeated)
    vectors, rows = reference.vectors[different], len(different)
    require_rows(rows, 3, "How often different rows of a reference are near duplicates")
    near = pairs_within(vectors, options.embedding_duplicate_similarity)
    own = near.counts(rows)
    pairs = rows * (rows - 1) / 2
    without = (len(near.pairs) - own) / ((rows - 1) * (rows - 2) / 2)
    interval: Spread = delete_one_interval(len(near.pairs) / pairs, without, level=options.level).within(0, 1)
    if not len(near.pairs):
        interval = NoInterval(f"none of {pairs:,.0f} pairs of different reference rows is so near")
    return measured(
        "embedding_duplicate_false_rate",
        len(near.pairs) / pairs,
        {
            **told,
            "equation": "pairs of different reference rows that are so near / such pairs",
            "reference_rows": rows,
            "pairs": len(near.pairs),
        },
        interval,
        note="near pairs of real rows may be real duplicates: look at them before the threshold is blamed",
    )


def contamination(subject: Subject) -> Values:
    """Rows of the dataset that hold a test row, and test rows that are held."""
    options, test = subject.options, subject.required_test
    index = HeldOutIndex.of(Tokens.of(test.texts), options.contamination_order)
    found = reduce(Contamination.merge, (index.check(tokens) for tokens in _in_words(subject)))
    checked = [share for share in found.of_tests() if share is not None]
    if not checked:
        raise Unmeasurable("test_without_words", "No test row has a word to look for.")
    rows = np.flatnonzero(found.contaminated(options.contamination_share))
    most_first = rows[np.argsort(-found.share[rows], kind="stable")][:SHOWN]
    subject.details["contaminated"] = [
        {
            "row": int(row),
            "test_row": int(found.test_row[row]),
            "share": float(found.share[row]),
            "text": subject.dataset.text(int(row))[:EXCERPT],
        }
        for row in most_first
    ]
    told: dict[str, Estimator] = {
        "n": options.contamination_order,
        "from_share": options.contamination_share,
        "tokenizer": DEFAULT_TOKENISER,
        "test_rows_without_words": found.unchecked,
    }
    yield measured(
        "contamination_share",
        len(rows) / len(subject.dataset),
        {**told, "equation": "rows that hold from_share of a test row's n-grams / rows", "rows": len(rows)},
        share_interval(len(rows), len(subject.dataset), level=options.level)
        if subject.units.alone
        else drawn_share_interval(
            found.contaminated(options.contamination_share), subject.units, level=options.level
        ),
    )
    held = sum(share >= options.contamination_share for share in checked)
    yield measured(
        "contaminated_test_share",
        held / len(checked),
        {**told, "equation": "test rows of whose n-grams the dataset holds from_share / test rows checked"},
        share_interval(held, len(checked), level=options.level),
    )


def _in_words(subject: Subject) -> Iterator[Tokens]:
    """The tokens that contamination is looked for in, shard by shard: the default's, whatever was asked
    for."""
    if subject.options.tokenizer == DEFAULT_TOKENISER:
        return (tokens for _, tokens in subject.tokens_by_shard())
    return (Tokens.of(texts) for _, texts in subject.dataset.shards())


def rejects(subject: Subject) -> Values:
    """What was refused when the dataset was made, by reason."""
    counts = Counter(subject.dataset.rejects)
    refused = counts.total()
    subject.details["rejects"] = dict(counts.most_common(50))
    yield measured(
        "reject_share",
        refused / (refused + len(subject.dataset)),
        {"equation": "refused / (refused + kept)", "rows": refused},
        NoInterval("counted, not estimated: rows may have been refused because of one another"),
    )


def _groups(members: list[list[int]], dataset: TextSet) -> list[dict[str, object]]:
    """The largest groups, for people to look at."""
    largest = sorted(members, key=len, reverse=True)[:SHOWN]
    return [
        {"rows": group[:50], "count": len(group), "text": dataset.text(group[0])[:EXCERPT]}
        for group in largest
    ]
