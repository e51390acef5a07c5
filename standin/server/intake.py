"""Turns a checked request into sequences to write, or refuses it."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from standin.server.engine import Engine
from standin.server.errors import ContextLengthExceeded, RequestRefused
from standin.server.sequence import Sampling, Sequence
from standin.server.wire import ChatRequest, CompletionRequest, SamplingRequest

DEFAULT_COMPLETION_TOKENS = 16  # OpenAI's default for /v1/completions


def completion_sequences(request: CompletionRequest, engine: Engine) -> list[Sequence]:
    """`n` sequences per prompt, in order."""
    limit = request.max_tokens or DEFAULT_COMPLETION_TOKENS
    sequences = []
    for ids in _prompts(request.prompt, engine):
        _require_room(len(ids), limit, engine.context, "prompt")
        sequences += _choices(request, ids, limit, request.logprobs)
    return sequences


def chat_sequences(request: ChatRequest, engine: Engine) -> list[Sequence]:
    """`n` sequences for the conversation; without a limit they may fill the context."""
    ids = engine.tokenizer(chat_prompt(request, engine), add_special_tokens=False)["input_ids"]
    if not ids:
        raise RequestRefused("the messages hold no text to go on from", "messages")
    asked = request.max_completion_tokens or request.max_tokens
    _require_room(len(ids), asked or 1, engine.context, "messages")
    limit = asked or engine.context - len(ids)
    return _choices(request, ids, limit, request.top_logprobs if request.logprobs else None)


def chat_prompt(request: ChatRequest, engine: Engine) -> str:
    """The conversation through the model's own chat template."""
    turns = [{"role": message.role, "content": message.text()} for message in request.messages]
    return str(engine.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def _prompts(prompt: Any, engine: Engine) -> list[list[int]]:
    """Prompts as token ids: one text, one list of ids, or a list of either."""
    single = isinstance(prompt, str) or (prompt and isinstance(prompt[0], int))
    prompts = [prompt] if single else prompt
    if not prompts:
        raise RequestRefused("there is no prompt", "prompt")
    encoded = [engine.tokenizer(p)["input_ids"] if isinstance(p, str) else p for p in prompts]
    if any(not ids for ids in encoded):
        raise RequestRefused("a prompt is empty; this model needs at least one token to go on from", "prompt")
    if any(not 0 <= token < engine.vocabulary for ids in encoded for token in ids):
        raise RequestRefused(f"token ids lie between 0 and {engine.vocabulary - 1}", "prompt")
    return encoded


def _require_room(prompt_tokens: int, asked: int, context: int, param: str) -> None:
    if prompt_tokens + asked > context:
        raise ContextLengthExceeded(
            f"This model's maximum context length is {context} tokens; the request needs "
            f"{prompt_tokens + asked} ({prompt_tokens} in the {param}, {asked} to write). "
            f"Shorten the {param} or ask for fewer tokens.",
            param,
        )


def _choices(request: SamplingRequest, ids: list[int], limit: int, logprobs: int | None) -> list[Sequence]:
    seed = secrets.randbits(63) if request.seed is None else request.seed
    return [
        Sequence(
            prompt_ids=ids,
            sampling=Sampling(
                max_tokens=limit,
                temperature=request.temperature,
                top_p=request.top_p,
                seed=choice_seed(seed, choice),
                stop=request.stops(),
                logprobs=logprobs,
                ignore_end=request.ignore_eos,
            ),
            streamed=request.stream,
        )
        for choice in range(request.n)
    ]


def choice_seed(seed: int, choice: int) -> int:
    """A seed of its own for each of the `n` choices; it depends on nothing else, so it is the same in any
    batch."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{choice}".encode(), digest_size=7).digest())
