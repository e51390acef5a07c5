"""What a request's lengths are counted in: the source's tokens where they are to be had, else words."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx

from services.generator.engine.chance import Chance
from services.generator.errors import UncountableLengths
from services.generator.sources.registry import Registry, SourceSpec
from services.generator.text.tokens import ReportedCounter, TokenCounter, counter, plain_counter
from shared.contracts.generation.acceptance import LengthUnit
from shared.contracts.generation.request import GenerationRequest
from shared.errors import SourceUnavailable

SEEDS_COUNTED = 1_000
"""Examples that a server is asked to count: enough for quantiles of 1 % and 99 %."""
SECONDS = 30.0


def length_counter(request: GenerationRequest, registry: Registry, seeds: Sequence[str]) -> TokenCounter:
    """The counter of the request's unit. Raises `UncountableLengths` when a source has no such tokens, and
    `SourceUnavailable` when its server is away."""
    unit, specs = request.acceptance.length.unit, [registry.spec(ref) for ref in request.sources]
    first = specs[0]
    if unit is LengthUnit.WORDS or (unit is LengthUnit.AUTO and first.tokenizer is None):
        return plain_counter(seeds)
    if unit is LengthUnit.AUTO:
        return counter(first.tokenizer)
    if unit is LengthUnit.TOKENIZER:
        if first.tokenizer is None:
            raise UncountableLengths(
                f"source {request.sources[0].name!r} has no tokenizer registered: add one to GAMUT_SOURCES, "
                "or count words"
            )
        return counter(first.tokenizer)
    if len({spec.identity for spec in specs}) > 1:
        raise UncountableLengths("models count tokens each in its own way: name one, or count words")
    different = sorted({seed for seed in seeds if seed.strip()})
    return ReportedCounter(_counted(first, different, request.seed))


def _counted(spec: SourceSpec, texts: Sequence[str], seed: int) -> dict[str, int]:
    """Some of the texts with their numbers of tokens by the server (`POST /tokenize`: vLLM)."""
    chosen = Chance(seed, "counted").sample(texts, min(SEEDS_COUNTED, len(texts)))
    address = urlsplit(str(spec.base_url))
    url = f"{address.scheme}://{address.netloc}/tokenize"
    counted: dict[str, int] = {}
    try:
        with httpx.Client(headers=spec.headers(), timeout=SECONDS) as client:
            for text in chosen:
                body = {"model": spec.model, "prompt": text, "add_special_tokens": False}
                answer = client.post(url, json=body)
                if answer.status_code in (404, 405):
                    raise UncountableLengths(
                        f"{url} is not there (vLLM has it): register the source's tokenizer, or count words"
                    )
                counted[text] = int(answer.raise_for_status().json()["count"])
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
        raise SourceUnavailable(f"{url} did not count the examples' tokens: {error!r}") from error
    return counted
