"""The peer: no-op tasks as Celery's own canvas runs them, stage after stage, each a chord over its jobs."""

from __future__ import annotations

import os

from celery import Celery, chain, chord, group

app = Celery("chords", broker=os.environ["GAMUT_REDIS_URL"], backend=os.environ["GAMUT_REDIS_URL"])
app.conf.update(task_default_queue="chords", result_expires=60)
STAGES = 5


@app.task
def work(*_: object) -> str:
    return "made"


@app.task
def gather(results: list[str]) -> str:
    return f"{len(results)} made"


def run(nodes: int) -> None:
    """As many tasks as an experiment has nodes: five stages, each gathered before the next begins."""
    each = nodes // STAGES - 1
    stages = [chord(group(work.si() for _ in range(each)), gather.s()) for _ in range(STAGES)]
    chain(*stages).apply_async().get(timeout=300)
