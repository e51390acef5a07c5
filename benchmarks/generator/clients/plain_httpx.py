"""httpx alone."""

from __future__ import annotations

import asyncio
import sys
import time

import httpx

from benchmarks.generator.clients.prompts import MODEL, prompt


async def run(url: str, requests: int, concurrency: int) -> float:
    gate = asyncio.Semaphore(concurrency)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=concurrency)
    async with httpx.AsyncClient(timeout=300, limits=limits) as client:

        async def one(number: int) -> str:
            body = {"model": MODEL, "prompt": prompt(number), "max_tokens": 64, "seed": number}
            async with gate:
                answer = await client.post(f"{url}/completions", json=body)
                return str(answer.json()["choices"][0]["text"])

        start = time.perf_counter()
        texts = await asyncio.gather(*map(one, range(requests)))
        assert all(texts)
        return time.perf_counter() - start


if __name__ == "__main__":
    print("seconds", asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
