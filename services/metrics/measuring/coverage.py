"""How much of the reference a subject covers, and the reference's rows that it does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from services.metrics.intervals.halves import half_sample_interval, half_sample_share
from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.measuring.semantic import about
from services.metrics.measuring.subject import Embedded, Listed, Listing, Subject, TextSet
from services.metrics.measuring.values import Estimator, measured
from services.metrics.semantic.vectors import Vectors
from services.metrics.shift.coverage import NAMES, Coverage, Split, coverage, expected_coverage
from shared.contracts.measurement import MeasuredValue

MOST_ROWS = 5000
"""Rows a side up to which there are intervals: every split is another look at half of all pairs."""
SPLITS, FEWEST_SPLITS = 20, 10
SHOWN, EXCERPT = 20, 300
EQUATIONS = {
    "coverage": "real rows with a generated row in their neighbourhood / real rows (2002.09797)",
    "density": "real neighbourhoods that a generated row lies in, mean over rows / k (2002.09797)",
    "knn_precision": "generated rows in some real row's neighbourhood / generated rows (1904.06991)",
    "knn_recall": "real rows in some generated row's neighbourhood / real rows (1904.06991)",
}


def coverages(subject: Subject) -> Iterator[MeasuredValue]:
    """Coverage, density, precision and recall, each beside what two halves of the reference give; the
    uncovered rows among the details and the lists."""
    options = subject.options
    real, generated = subject.reference_embedded.vectors, subject.embedded.vectors
    found = covering(subject)
    halves = _halves(real, options.neighbours, options.seed)
    expected = {
        "coverage": expected_coverage(len(real), len(generated), options.neighbours),
        "density": 1.0,
    }
    _list(subject, found)
    told: dict[str, Estimator] = {
        **about(subject),
        "reference_rows": len(real),
        "k": options.neighbours,
        "distance": "Euclidean, of unit rows",
    }
    for name in NAMES:
        yield measured(
            name,
            found.values[name],
            {
                **told,
                "equation": EQUATIONS[name],
                **({"expected_without_shift": expected[name]} if name in expected else {}),
                "halves_of_the_reference": halves.get(name),
            },
            _interval(subject, found, name),
            moves_with_size=True,
        )


def covering(subject: Subject) -> Coverage:
    """The coverage of the reference's embeddings, found once."""
    k = subject.options.neighbours
    if k not in subject.covered:
        real, generated = subject.reference_embedded.vectors, subject.embedded.vectors
        subject.covered[k] = coverage(real, generated, k, splits=_splits(subject))
    return subject.covered[k]


def _splits(subject: Subject) -> list[Split]:
    """Random halves of both sides; none where they cannot be afforded. What is drawn together stays together:
    rows about one context and copies of one text, on either side or on both."""
    k, seed = subject.options.neighbours, subject.options.seed
    if max(len(subject.reference_embedded.rows), len(subject.embedded.rows)) > MOST_ROWS:
        return []
    real = _drawn_as(subject.required_reference, subject.reference_embedded)
    generated = _drawn_as(subject.dataset, subject.embedded)
    first_side, other_side = set(real), set(generated)
    apart = first_side - other_side, other_side - first_side, first_side & other_side
    alike = [sorted(draws) for draws in apart]
    random, found = np.random.default_rng([seed, 2]), []
    for _ in range(SPLITS):
        first = {draws[place] for draws in alike for place in _half(len(draws), random)}
        split = tuple(np.array([draw in first for draw in side], np.bool_) for side in (real, generated))
        if min(int(mask.sum()) for half in split for mask in (half, ~half)) > k:
            found.append((split[0], split[1]))
    return found


def _drawn_as(texts: TextSet, embedded: Embedded) -> list[str]:
    """What each embedded row was drawn with: its context, else its text."""
    if texts.contexts is not None:
        return [texts.contexts[int(row)] for row in embedded.rows]
    return [str(text) for text in texts.texts.take(pa.array(embedded.rows)).to_pylist()]


def _half(count: int, random: np.random.Generator) -> list[int]:
    """Half of so many places at random; the one in the middle by chance."""
    size = count // 2 + (count % 2 and int(random.integers(2)))
    return [int(place) for place in random.permutation(count)[:size]]


def _halves(real: Vectors, k: int, seed: int) -> dict[str, float]:
    """The values between two random halves of the reference, of which neither has shifted; none for so few
    rows that a half has no neighbourhoods."""
    if len(real) < 2 * (k + 1):
        return {}
    order = np.random.default_rng([seed, 1]).permutation(len(real))
    middle = len(real) // 2
    return dict(coverage(real[order[:middle]], real[order[middle:]], k).values)


def _interval(subject: Subject, found: Coverage, name: str) -> Spread:
    """Of a share, its rows are those of the side whose share it is."""
    if len(found.halves.get(name, ())) < FEWEST_SPLITS:
        return NoInterval(
            f"an interval needs halves with neighbourhoods of their own, of {MOST_ROWS:,} rows a side at most"
        )
    value, halves, level = found.values[name], found.halves[name], subject.options.level
    if name == "density":
        return half_sample_interval(value, halves, level=level, seed=subject.options.seed).at_least(0)
    side = subject.embedded if name == "knn_precision" else subject.reference_embedded
    return half_sample_share(value, halves, len(side.rows), level=level, seed=subject.options.seed)


def _list(subject: Subject, found: Coverage) -> None:
    """The uncovered rows of the reference, the furthest from all that was generated first."""
    real, generated = subject.reference_embedded.rows, subject.embedded.rows
    listed = [
        Listed(
            int(real[place]),
            {"distance": float(found.distance[place]), "radius": float(found.radius[place])},
            beside=int(generated[found.nearest[place]]),
        )
        for place in found.uncovered()
    ]
    subject.lists["uncovered"] = Listing("reference", listed)
    subject.details["uncovered"] = [
        {
            "row": one.row,
            **one.told,
            "text": subject.required_reference.text(one.row)[:EXCERPT],
            "nearest_row": one.beside,
            "nearest_text": subject.dataset.text(one.beside or 0)[:EXCERPT],
        }
        for one in listed[:SHOWN]
    ]
