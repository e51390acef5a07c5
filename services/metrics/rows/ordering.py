"""One seeded order of a dataset's rows; every choice of rows is a prefix of it.

Choosing prefixes of a fixed order makes choices nested: 20 % of a dataset contains its 10 %, so a dose
curve adds rows and never swaps them. The order is by a keyed hash of the row's id, not a shuffle of
positions: it does not depend on how the rows were stored, and a row keeps its place among the others when
rows are added.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import blake2b

from services.metrics.problems import Unmeasurable


def seeded_order(ids: Sequence[str], seed: int) -> list[str]:
    """The ids in the order of their 128-bit BLAKE2b hash keyed with `seed` (any 64-bit integer).

    Raises Unmeasurable (`duplicate_ids`) when an id occurs twice.
    """
    require_unique(ids)
    return sorted(ids, key=lambda row: _rank(row, seed))


def stratified_order(ids: Sequence[str], strata: Sequence[str], seed: int) -> list[str]:
    """An order of which every prefix holds each stratum in proportion to its size, as nearly as rows allow.

    Within its stratum of n_s rows, the r-th row (r = 0, 1, …, by `seeded_order`) stands at (r + 1/2)/n_s, and
    all rows are sorted by that place: this is Sainte-Laguë's rule of apportionment, which is house-monotone
    (largest remainders are not: asking for one row more can take a row away from a stratum). A prefix of m of
    N rows in S strata differs from the exact share m·n_s/N by at most 3/2 + S·n_s/(2N) rows.
    """
    if len(strata) != len(ids):
        raise Unmeasurable(
            "strata_mismatch", f"{len(ids)} rows were given with {len(strata)} strata: give one each."
        )
    stratum_of = dict(zip(ids, strata, strict=True))
    sizes = Counter(strata)
    seen: defaultdict[str, int] = defaultdict(int)
    placed: list[tuple[float, int, str]] = []
    for position, row in enumerate(seeded_order(ids, seed)):
        stratum = stratum_of[row]
        placed.append(((seen[stratum] + 0.5) / sizes[stratum], position, row))
        seen[stratum] += 1
    return [row for _, _, row in sorted(placed)]


def require_unique(ids: Sequence[str]) -> None:
    """Refuse a list of rows in which an id occurs twice."""
    if len(set(ids)) == len(ids):
        return
    row, times = Counter(ids).most_common(1)[0]
    raise Unmeasurable("duplicate_ids", f"Row id {row!r} occurs {times} times: ids must name one row each.")


def _rank(row: str, seed: int) -> bytes:
    key = (seed % 2**64).to_bytes(8, "little")
    return blake2b(row.encode("utf-8", "surrogatepass"), key=key, digest_size=16).digest()
