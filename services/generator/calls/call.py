"""A call to a language model, its answer, and the key under which the answer is kept.

Two calls with the same key are the same experiment: same model revision, same rendered prompt, same
parameters, same seed. The key is what makes a killed job, a repeated job or a changed recipe pay only for
what is new; where a call is *sent* (base URL, key, server) is no part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from shared.contracts.fields import USUAL_TOKENS, Sampling, ServerSampling

KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Model:
    """A model as its results know it: the name a server answers to, and which revision of it.

    Sources that serve the same `Model` are peers: one may take over another's calls.
    """

    name: str
    revision: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.revision}" if self.revision else self.name


@dataclass(frozen=True, slots=True)
class Params:
    """Sampling parameters. `schema` is a JSON schema as text (structured output); `logprobs` the number of
    alternatives wanted per token."""

    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = USUAL_TOKENS
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    schema: str | None = None
    extra: str = ""
    """Other fields of the body, as the JSON text of an object with sorted names."""

    @classmethod
    def of(cls, sampling: Sampling, stop: tuple[str, ...] = (), following: int = USUAL_TOKENS) -> Params:
        """As a request asks for it; `following` is the most tokens that an answer takes, for a request that
        leaves it to that."""
        most = following if sampling.max_tokens is None else sampling.max_tokens
        return cls(sampling.temperature, sampling.top_p, most, stop).and_also(sampling)

    def and_also(self, sampling: ServerSampling) -> Params:
        """The same parameters with the further ones that a request states."""
        beyond = sampling.beyond()
        extra = orjson.dumps(beyond, option=orjson.OPT_SORT_KEYS).decode() if beyond else ""
        return replace(self, stop=(*self.stop, *sampling.stop), extra=extra)

    def held_to(self, schema: Mapping[str, Any] | None) -> Params:
        """The same parameters with structured output after `schema` (None: as they are)."""
        return self if schema is None else replace(self, schema=orjson.dumps(schema).decode())


@dataclass(frozen=True, slots=True)
class Call:
    """One request for one answer.

    `prompt` is a string (completions) or messages (chat); `prefix` names the long text shared with other
    calls (empty: none), by which calls are routed so that a server's prefix cache is hit. `prefix` is not in
    the key.
    """

    model: Model
    prompt: str | tuple[Message, ...]
    params: Params
    seed: int
    prefix: str = ""

    def key(self) -> bytes:
        """The 16-byte identity of the call: BLAKE2b over model, revision, parameters, seed and prompt."""
        digest = _prefix_digest(self.model, self.params).copy()
        digest.update(b"%d\x00" % self.seed)
        if isinstance(self.prompt, str):
            digest.update(b"p\x00" + self.prompt.encode())
        else:
            digest.update(b"m\x00" + orjson.dumps([[m.role, m.content] for m in self.prompt]))
        key: bytes = digest.digest()
        return key


@lru_cache(maxsize=1024)
def _prefix_digest(model: Model, params: Params) -> Any:
    """The part of the key that most calls of a job share, hashed once."""
    fixed = [
        model.name,
        model.revision,
        params.temperature,
        params.top_p,
        params.max_tokens,
        params.stop,
        params.logprobs,
        params.schema,
        *([params.extra] if params.extra else []),
    ]
    return blake2b(orjson.dumps(fixed) + b"\x00", digest_size=KEY_BYTES)


@dataclass(slots=True)
class Answer:
    """What a source answered.

    `tokens_in`/`tokens_out` are the server's own usage counts (0 when it gives none). `top_logprobs` maps
    the alternatives of the *first* generated token to their raw log-probabilities when they were asked for.
    `key` is the key of the call that it answers. `sources.answer.read` fills in the rest: the text without
    its `thought` and without what was `taken` off, and how it came (`raw`; "": as it is).
    """

    text: str
    finish_reason: str
    tokens_in: int
    tokens_out: int
    source: str
    top_logprobs: Mapping[str, float] | None = None
    key: bytes = b""
    thought: str = ""
    taken: tuple[str, ...] = ()
    raw: str = ""


def derived_seed(*parts: object) -> int:
    """A 31-bit seed that is a pure function of `parts`: candidate 812 of a stage has the same seed in any
    run."""
    text = "/".join(map(str, parts))
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big") & 0x7FFF_FFFF
