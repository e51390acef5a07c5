"""Sources by name: what a person writes down about a server, and the lanes and targets that a job gets of
it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, JsonValue, StringConstraints

from services.generator.calls.call import Model
from services.generator.calls.ledger import Price
from services.generator.calls.target import Target
from services.generator.errors import SourceMismatch, UnknownSource
from services.generator.sources.connecting import open_transport
from services.generator.sources.fitting import Fit, Form
from services.generator.sources.lane import Lane
from services.generator.sources.limit import Limit
from services.generator.sources.openai import Client
from shared.contracts.generation.sources import SourceRef

Parameter = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class SourceSpec(BaseModel):
    """A registered source. Keys are named, never written: `api_key_env` is the variable that holds the
    key."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    base_url: HttpUrl = Field(description="With the API's path, such as http://vllm:8000/v1.")
    model: str = Field(min_length=1, description="The name the server answers to.")
    revision: str = Field(
        default="", description="Which weights: a commit, an artifact id. Part of every call's key."
    )
    api: Literal["completions", "chat"] = "completions"
    api_key_env: str | None = None
    stream: bool = Field(default=False, description="For servers or proxies that drop silent connections.")
    concurrency: int = Field(
        default=16, ge=1, description="Calls in flight at first; the server teaches the rest."
    )
    max_concurrency: int = Field(default=512, ge=1)
    requests_per_minute: float | None = Field(default=None, gt=0)
    timeout_seconds: float = Field(default=300, gt=0, description="The longest silence.")
    tokens_per_second: float | None = Field(
        default=None,
        gt=0,
        description="What its server writes, all calls together, where that was measured: for estimates.",
    )
    price_in: Decimal = Field(default=Decimal(0), ge=0, description="Per million tokens.")
    price_out: Decimal = Field(default=Decimal(0), ge=0, description="Per million tokens.")
    omit: frozenset[Parameter] = Field(
        default=frozenset(), description="Fields that its server refuses, such as `seed`: they are not sent."
    )
    rename: dict[Parameter, Parameter] = Field(
        default={}, description="Fields that its server calls otherwise: {max_tokens: max_completion_tokens}."
    )
    system: Literal["send", "fold"] = Field(
        default="send", description="`fold`: the system turn is put at the head of the user's."
    )
    json_by: Form = Field(default=Form.JSON_SCHEMA, description="How its server is held to JSON.")
    extra_body: dict[str, JsonValue] = Field(
        default={},
        description="Fields of its own, sent with every call, such as {chat_template_kwargs: "
        "{enable_thinking: false}}. They change its answers: name a `revision` that says so.",
    )
    currency: str = Field(default="USD", min_length=3, max_length=3)
    tokenizer: Path | None = Field(
        default=None, description="The model's tokenizer.json: exact estimates, lengths in its tokens."
    )
    max_model_tokens: int | None = Field(
        default=None, ge=1, description="The context window, when it is known."
    )
    adapters_dir: Path | None = Field(
        default=None,
        description="A folder that this service writes and the server reads: adapters are put there to be "
        "loaded (vLLM with VLLM_ALLOW_RUNTIME_LORA_UPDATING). Unset: the source serves no adapters.",
    )
    adapters_path: str | None = Field(
        default=None, description="The same folder as the server sees it, where that is another path."
    )

    @property
    def identity(self) -> Model:
        return Model(self.model, self.revision)

    @property
    def fit(self) -> Fit:
        extra = orjson.dumps(self.extra_body, option=orjson.OPT_SORT_KEYS).decode() if self.extra_body else ""
        return Fit(self.omit, tuple(self.rename.items()), self.system == "fold", self.json_by, extra)

    @property
    def price(self) -> Price:
        return Price(self.price_in, self.price_out, self.currency)

    def key(self) -> str:
        """Raises `UnknownSource` when the variable that holds the key is not set; "" for a source without."""
        if self.api_key_env is None:
            return ""
        key = os.environ.get(self.api_key_env)
        if not key:
            raise UnknownSource(
                f"the key of {self.base_url} is to be in {self.api_key_env}, which is not set"
            )
        return key

    def headers(self) -> dict[str, str]:
        """Raises `UnknownSource` when the variable that holds the key is not set."""
        key = self.key()
        return {"authorization": f"Bearer {key}"} if key else {}


class Registry:
    """The sources this service was given, by name."""

    def __init__(self, specs: Mapping[str, SourceSpec]) -> None:
        self.specs = dict(specs)

    def spec(self, ref: SourceRef) -> SourceSpec:
        """Raises `UnknownSource`, or `SourceMismatch` when the source serves another model than the
        request states."""
        spec = self.specs.get(ref.name)
        if spec is None:
            known = ", ".join(sorted(self.specs)) or "none"
            raise UnknownSource(
                f"there is no source {ref.name!r}; registered: {known}. Add it to GAMUT_SOURCES."
            )
        stated = (ref.model, ref.revision)
        served = (spec.model, spec.revision)
        if any(want is not None and want != have for want, have in zip(stated, served, strict=True)):
            raise SourceMismatch(
                f"source {ref.name!r} serves {spec.identity}, and the request names "
                f"{Model(ref.model or spec.model, ref.revision or '')}: correct one of them"
            )
        if ref.adapter is None:
            return spec
        if spec.adapters_dir is None:
            raise UnknownSource(f"source {ref.name!r} serves no adapters: set its adapters_dir")
        return spec.model_copy(update={"model": ref.adapter})

    def targets(self, refs: Sequence[SourceRef]) -> list[Target]:
        """What a job's candidates are spread over: one target for each distinct (model, revision, API)."""
        weights: dict[tuple[Model, bool], float] = {}
        for ref in refs:
            spec = self.spec(ref)
            target = (spec.identity, spec.api == "chat")
            weights[target] = weights.get(target, 0.0) + ref.weight
        return [Target(model, chat, weight) for (model, chat), weight in weights.items()]

    def lanes(self, refs: Sequence[SourceRef]) -> list[Lane]:
        """A connection pool and a limit for each source. They belong to the running event loop."""
        return [self._lane(name_of(ref), self.spec(ref)) for ref in refs]

    def prices(self, refs: Sequence[SourceRef]) -> dict[str, Price]:
        return {name_of(ref): self.spec(ref).price for ref in refs}

    @staticmethod
    def _lane(name: str, spec: SourceSpec) -> Lane:
        url = str(spec.base_url)
        transport = open_transport(url, spec.headers(), timeout=spec.timeout_seconds)
        client = Client(
            name, transport, root=urlsplit(url).path, stream=spec.stream, key=spec.key(), fit=spec.fit
        )
        limit = Limit(start=spec.concurrency, high=max(spec.concurrency, spec.max_concurrency))
        between = 60.0 / spec.requests_per_minute if spec.requests_per_minute else 0.0
        return Lane(name, spec.identity, client, limit, between, chat=spec.api == "chat")


def name_of(ref: SourceRef) -> str:
    """What the source is called in a job: an adapter on it is a source of its own."""
    return ref.name if ref.adapter is None else f"{ref.name}+{ref.adapter}"
