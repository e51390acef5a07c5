"""Every lexical measure of 100 million tokens, streamed from a file in shards by one process.

`python -m benchmarks.metrics.streaming FILE` measures the texts of an Arrow stream; `rows()` makes the file
and runs that, so that what making the texts took is in neither figure.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.metrics.corpus import WORDS_PER_TEXT, paragraph, paragraphs, sentences
from benchmarks.metrics.results import Row, row
from services.metrics.lexical import (
    Tokens,
    distinct_ns,
    ngram_entropies,
    self_bleu,
    self_repetition,
)
from services.metrics.lexical.runners.measure import measure_texts

PLACE = 200
WORDS = 100_000_000
SHARD = 50_000
SCHEMA = pa.schema([("text", pa.large_string())])


def rows() -> Iterator[Row]:
    """CPU seconds of the measuring process, reading and compression included, and the most memory it held.

    What a shard at a time gives is compared with what all texts at once give on a hundredth of them.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "texts.arrow"
        write_texts(file, WORDS // WORDS_PER_TEXT)
        command = [sys.executable, "-m", "benchmarks.metrics.streaming", str(file)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    note = (
        f"{found['tokens']:,} tokens in {found['texts']:,} texts, every lexical measure, one process, peak "
        f"memory {found['peak_gb']:.2f} GB; nothing else does this"
    )
    equal = found["tokens"] >= 0.99 * WORDS and shards_are_the_whole()
    made = row("stream_100m_tokens", "none can", "", found["seconds"], None, equal=equal, note=note)
    yield {**made, "peak_gb": found["peak_gb"], "wall_seconds": found["wall_seconds"]}


def write_texts(file: Path, count: int) -> None:
    draw, pool = random.Random(1), sentences()
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, SCHEMA) as stream:
        for start in range(0, count, SHARD):
            texts = [paragraph(draw, pool) for _ in range(min(SHARD, count - start))]
            stream.write_batch(pa.record_batch([pa.array(texts, pa.large_string())], schema=SCHEMA))


def shards_of(file: Path) -> Iterator[pa.Array]:
    with pa.OSFile(str(file)) as source, pa.ipc.open_stream(source) as stream:
        for batch in stream:
            yield batch.column(0)


def shards_are_the_whole() -> bool:
    texts = paragraphs(20_000)
    found = measure_texts(texts[i : i + 3_000] for i in range(0, len(texts), 3_000))
    tokens = Tokens.of(texts)
    expected = [
        *distinct_ns(tokens, range(1, 6)),
        *ngram_entropies(tokens),
        self_bleu(tokens),
        self_repetition(tokens, 4),
    ]
    got = [*found.distinct.values(), *list(found.entropy.values())[:3], found.self_bleu]
    return [*got, found.self_repetition["paper"]] == expected


def main(file: str) -> dict[str, Any]:
    # Kernels are compiled, or read from disk, before the clock starts, as for the other rows.
    measure_texts([["to compile", "the kernels of all measures"]])
    cpu, wall = time.process_time(), time.perf_counter()
    found = measure_texts(shards_of(Path(file)))
    return {
        "texts": found.texts,
        "tokens": found.tokens,
        "seconds": time.process_time() - cpu,
        "wall_seconds": time.perf_counter() - wall,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
