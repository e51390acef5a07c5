"""The OpenAI SDK, asynchronous, a semaphore around it: what most code does."""

from __future__ import annotations

import asyncio
import sys
import time

from openai import AsyncOpenAI

from benchmarks.generator.clients.prompts import MODEL, prompt


async def run(url: str, requests: int, concurrency: int) -> float:
    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=2, timeout=300)
    gate = asyncio.Semaphore(concurrency)

    async def one(number: int) -> str:
        async with gate:
            answer = await client.completions.create(
                model=MODEL, prompt=prompt(number), max_tokens=64, temperature=0.7, seed=number
            )
            return answer.choices[0].text

    start = time.perf_counter()
    texts = await asyncio.gather(*map(one, range(requests)))
    assert all(texts)
    return time.perf_counter() - start


if __name__ == "__main__":
    print("seconds", asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
