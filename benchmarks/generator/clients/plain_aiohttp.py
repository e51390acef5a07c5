"""aiohttp alone."""

from __future__ import annotations

import asyncio
import sys
import time

import aiohttp

from benchmarks.generator.clients.prompts import MODEL, prompt


async def run(url: str, requests: int, concurrency: int) -> float:
    gate = asyncio.Semaphore(concurrency)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

        async def one(number: int) -> str:
            body = {"model": MODEL, "prompt": prompt(number), "max_tokens": 64, "seed": number}
            async with gate, client.post(f"{url}/completions", json=body) as answer:
                return str((await answer.json())["choices"][0]["text"])

        start = time.perf_counter()
        texts = await asyncio.gather(*map(one, range(requests)))
        assert all(texts)
        return time.perf_counter() - start


if __name__ == "__main__":
    print("seconds", asyncio.run(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
