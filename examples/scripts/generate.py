"""Rows in, generated rows out: `python examples/scripts/generate.py [ROWS.jsonl] [HOW MANY] [TOPICS]`.

Uploads real rows, makes a pool of topics, and generates rows spread over as many of them as asked: the dose
of diversity. Prints both datasets' ids.
"""

from __future__ import annotations

import sys
from pathlib import Path

from session import answered, connect, made, upload  # isort: skip  # first: it finds the client

from gamut_gateway.api.jobs import create_generation, create_topics
from gamut_gateway.models import GenerationRequest, SourceRef, TopicsRequest

ROWS = Path(__file__).resolve().parents[1] / "data" / "stories.train.jsonl"


def main(rows: Path = ROWS, count: int = 40, topics: int = 5) -> tuple[str, str]:
    client = connect()
    real = upload(client, rows)
    source = SourceRef(name="stories")
    wanted = TopicsRequest(source=source, count=20, task="short stories", format_="plain", max_tokens=200)
    pool = made(client, answered(create_topics.sync(client=client, body=wanted)), "topics")
    request = GenerationRequest(
        kind="completion",
        sources=[source],
        format_="plain",
        topics=pool,
        topic_count=topics,
        examples=real,
        examples_per_prompt=0,
        rows=count,
        max_tokens=160,
    )
    generated = made(client, answered(create_generation.sync(client=client, body=request)), "rows")
    return real, generated


if __name__ == "__main__":
    given = sys.argv[1:]
    print(*main(*([Path(given[0])] if given else []), *map(int, given[1:3])))
