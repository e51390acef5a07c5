"""distilabel: a pipeline of one text generation step over its OpenAI client."""

from __future__ import annotations

import sys
import time

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

from benchmarks.generator.clients.prompts import MODEL, prompt


def run(url: str, rows: int, concurrency: int) -> float:
    """Seconds of a run of so many rows. Its batch size is its concurrency: it sends a batch at once and waits
    for the whole of it."""
    model = OpenAILLM(
        model=MODEL,
        base_url=url,
        api_key="none",
        generation_kwargs={"max_new_tokens": 64, "temperature": 0.7},
    )
    with Pipeline(name="bench") as pipeline:
        data = [{"instruction": prompt(number)} for number in range(rows)]
        load = LoadDataFromDicts(data=data, batch_size=concurrency)
        load >> TextGeneration(llm=model, input_batch_size=concurrency)
    start = time.perf_counter()
    made = pipeline.run(use_cache=False)["default"]["train"]
    took = time.perf_counter() - start
    assert len(made) == rows
    assert all(made["generation"])
    return took


if __name__ == "__main__":
    url, requests, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # The start of its processes is no part of its rate: a run of one batch is taken off.
    print("seconds", run(url, requests, concurrency) - run(url, concurrency, concurrency))
