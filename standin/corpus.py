"""Write the stand-in's text: `python -m standin.corpus {documents,examples}`.

`documents` writes what the two models are pre-trained on, `examples` writes the demo's real rows
(`examples/data/stories.{train,test}.jsonl`). Same seed, same bytes: the SHA-256 of each file is printed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from standin.documents import DocumentWriter, base_document, generator_document
from standin.grammar import Text, story, story_topic

EXAMPLE_SEED = 20251
EXAMPLE_COUNTS = {"train": 600, "test": 200}


@dataclass(frozen=True)
class CorpusPlan:
    """One model's pre-training corpus: who writes its documents, how many, from which seed."""

    write: DocumentWriter
    documents: int
    seed: int


PLANS = {
    "generator": CorpusPlan(generator_document, documents=75_000, seed=11),
    "base": CorpusPlan(base_document, documents=70_000, seed=12),
}


def documents(plan: CorpusPlan, count: int | None = None) -> Iterator[Mapping[str, object]]:
    """The corpus of `plan` as rows `{"segments": [[text, learned], …]}`; `count` cuts it short."""
    rng = random.Random(plan.seed)
    for _ in range(count or plan.documents):
        yield {"segments": plan.write(rng).segments}


def example_rows(split: str) -> Iterator[Mapping[str, str]]:
    """The demo's real rows: the first four sentences as `context`, the last as `completion`.

    No topic of one split occurs in the other: topics are dealt out by the digest of their head word.
    """
    rng = random.Random(f"{EXAMPLE_SEED}/{split}")
    for index in range(EXAMPLE_COUNTS[split]):
        text = _story_of_split(rng, split)
        context, completion = " ".join(text.sentences[:4]), text.sentences[4]
        yield {"id": f"{split}-{index:04d}", "context": context, "completion": completion}


def _story_of_split(rng: random.Random, split: str) -> Text:
    while True:
        topic = story_topic(rng)
        in_test = hashlib.sha256(topic.split()[-1].encode()).digest()[0] < 64
        if in_test == (split == "test"):
            return story(rng, topic)


def write_rows(rows: Iterable[Mapping[str, object]], path: Path) -> str:
    """Write rows as JSON lines; return the file's SHA-256 in hex."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for row in rows:
            line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
            digest.update(line)
            file.write(line)
    return digest.hexdigest()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m standin.corpus", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, folder in (("documents", "build/standin/corpus"), ("examples", "examples/data")):
        commands.add_parser(name).add_argument(
            "--out", type=Path, default=Path(folder), help=f"default: {folder}"
        )
    arguments = parser.parse_args()
    if arguments.command == "documents":
        files: dict[str, Iterator[Mapping[str, object]]] = {
            f"{name}.jsonl": documents(plan) for name, plan in PLANS.items()
        }
    else:
        files = {f"stories.{split}.jsonl": example_rows(split) for split in EXAMPLE_COUNTS}
    for name, rows in files.items():
        print(f"sha256:{write_rows(rows, arguments.out / name)}  {arguments.out / name}")


if __name__ == "__main__":
    main()
