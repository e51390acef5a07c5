"""How often intervals hold what they are for, kept in benchmarks/results/coverage.json.

python -m benchmarks.coverage                                      all designs and sizes, 400 draws: hours
python -m benchmarks.coverage --designs pairs --sizes 100          some; the others' rows stay in the file
python -m benchmarks.coverage --texts rows.jsonl --field response  rows of a file in place of simulated texts
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from benchmarks.coverage.designs import DESIGNS
from benchmarks.coverage.draws import Plan, Row, covered
from benchmarks.coverage.texts import FromFile, Simulated, Source

FILE = Path(__file__).parents[1] / "results" / "coverage.json"
SHIFTS = ("unigram_shift", "length_shift", "embedding_shift", "mmd", "two_sample")
DIVERSITY = (
    "distinct", "entropy", "self_bleu", "compression_ratio", "self_repetition", "vocabulary", "heaps",
    "lengths", "vendi", "cosine_distance", "duplicates",
)  # fmt: skip
SAME = ("texts", "design", "n", "shifted", "measure")


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.coverage", description=__doc__.split("\n")[0]
    )
    options.add_argument("--designs", nargs="+", choices=DESIGNS, default=list(DESIGNS))
    options.add_argument("--sizes", nargs="+", type=int, default=[100, 200, 400])
    options.add_argument("--draws", type=int, default=400)
    options.add_argument("--metrics", nargs="+", help="of these metrics only")
    options.add_argument("--shifted", nargs="+", choices=("yes", "no"), default=["no", "yes"])
    options.add_argument(
        "--texts", type=Path, help="rows of JSON lines to draw from; simulated texts where unset"
    )
    options.add_argument("--field", default="text")
    asked = options.parse_args()
    source: Source = FromFile(asked.texts, asked.field) if asked.texts else Simulated()
    name = asked.texts.stem if asked.texts else "simulated"
    for design in asked.designs:
        for rows in asked.sizes:
            for shifted in (law == "yes" for law in asked.shifted):
                metrics = asked.metrics or (SHIFTS if shifted else (*DIVERSITY, *SHIFTS))
                start = time.process_time()
                found = list(covered(Plan(design, rows, shifted, asked.draws, metrics), source))
                keep([{"texts": name, **row} for row in found])
                tell(f"{design}, {rows} rows, {'shifted' if shifted else 'no shift'}", found, start)


def keep(found: list[Row]) -> None:
    """Put rows into the result file, in place of earlier ones of the same kind."""
    kept = json.loads(FILE.read_text())["rows"] if FILE.exists() else []
    rows = {tuple(row[key] for key in SAME): row for row in [*kept, *found]}
    lines = ",\n".join(json.dumps(rows[key], ensure_ascii=False) for key in sorted(rows))
    FILE.write_text(f'{{"rows": [\n{lines}\n]}}\n', encoding="utf-8")


def tell(title: str, found: list[Row], start: float) -> None:
    print(f"{title} ({time.process_time() - start:.0f} CPU s)")
    for row in found:
        extra = {key: row[key] for key in ("p_below_0_05", "excess_covers_0", "half_excluded") if key in row}
        print(
            f"  {row['measure']:28} {row['covered']} of {row['with_interval']} {extra or ''} {row['absent']}"
        )


if __name__ == "__main__":
    main()
