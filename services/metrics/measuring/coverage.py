"""How much of the reference a subject covers, and the reference's rows that it does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from services.metrics.intervals.halves import half_sample_interval, half_sample_share
from services.metrics.intervals.interval import Interval, NoInterval, Spread
from services.metrics.measuring.rows import Listed, Listing
from services.metrics.measuring.semantic import about
from services.metrics.measuring.shift_intervals import by_units, floor_of, notes_of, twins_told
from services.metrics.measuring.subject import Subject
from services.metrics.measuring.values import Estimator, measured
from services.metrics.semantic.neighbours import Floats
from services.metrics.semantic.vectors import Vectors
from services.metrics.shift.coverage import NAMES, Coverage, Split, coverage, expected_coverage
from services.metrics.shift.coverage_relabelled import relabelled_coverage
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
    sides = subject.embedded_sides
    found, relabelled = covering(subject), _relabelled(subject)
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
        value, interval = found.values[name], _interval(subject, found, name)
        yield measured(
            name,
            value,
            {
                **told,
                "equation": EQUATIONS[name],
                **({"expected_without_shift": expected[name]} if name in expected else {}),
                "halves_of_the_reference": halves.get(name),
            },
            by_units(sides, interval) if isinstance(interval, Interval) else interval,
            moves_with_size=True,
            no_shift=floor_of(subject, sides, value, relabelled.get(name, np.zeros(0)), interval, falls=True),
            note="; ".join(note for note in (*notes_of(sides), twins_told(subject)) if note),
        )


def covering(subject: Subject) -> Coverage:
    """The coverage of the reference's embeddings, found once."""
    k = subject.options.neighbours
    if k not in subject.covered:
        real, generated = subject.reference_embedded.vectors, subject.embedded.vectors
        subject.covered[k] = coverage(real, generated, k, splits=_splits(subject))
    return subject.covered[k]


def _splits(subject: Subject) -> list[Split]:
    """Random halves of both sides; none where they cannot be afforded. What was drawn together stays
    together: half of the units of each side alone, and half of those on both."""
    sides, k = subject.embedded_sides, subject.options.neighbours
    if max(sides.sizes) > MOST_ROWS:
        return []
    unit, generated = sides.units.of, sides.generated
    stands_on = [np.bincount(unit[side], minlength=sides.units.count) > 0 for side in (~generated, generated)]
    kind = stands_on[0] + 2 * stands_on[1]
    random, found = np.random.default_rng([subject.options.seed, 2]), []
    for _ in range(SPLITS):
        first = np.zeros(len(kind), np.bool_)
        for alike in (np.flatnonzero(kind == one) for one in (1, 2, 3)):
            size = len(alike) // 2 + (len(alike) % 2 and int(random.integers(2)))
            first[random.permutation(alike)[:size]] = True
        rows = first[unit]
        split = rows[~generated], rows[generated]
        if min(int(half.sum()) for side in split for half in (side, ~side)) > k:
            found.append(split)
    return found


def _relabelled(subject: Subject) -> dict[str, Floats]:
    """The values of relabelled rows; none where they cannot be afforded."""
    sides, options = subject.embedded_sides, subject.options
    if max(sides.sizes) > MOST_ROWS:
        return {}
    pooled = np.concatenate([subject.reference_embedded.vectors, subject.embedded.vectors])
    labels = sides.relabelled(options.relabellings, np.random.default_rng([options.seed, 3]))
    return relabelled_coverage(pooled, labels, options.neighbours)


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
