"""Measures texts by asking the metrics service (`POST /v1/measure`)."""

from __future__ import annotations

from collections.abc import Sequence

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from services.generator.dial.dialling import Reading
from services.generator.engine.chance import Chance
from shared.contracts.generation.dial import DialMetric, DialTarget
from shared.errors import InvalidRequest, ServiceUnavailable

MOST_TEXTS = 20_000
"""What the endpoint takes; of a larger dataset a seeded sample is measured, always of this size."""
FAMILY = {DialMetric.DISTINCT_5: "distinct", DialMetric.VENDI: "vendi", DialMetric.SELF_BLEU: "self_bleu"}
SHIFT_FAMILIES = {"unigram": "unigram_shift", "length": "length_shift", "embedding": "embedding_shift"}
TIMEOUT_SECONDS = 300.0


class MetricsService:
    """`reference` are the real texts; they are sent only when there is a budget for the shift."""

    def __init__(self, url: str, dial: DialTarget, reference: Sequence[str], seed: int) -> None:
        if not url:
            raise InvalidRequest("the diversity dial needs the metrics service: set GAMUT_METRICS_URL")
        if dial.shift is not None and not reference:
            raise InvalidRequest(
                "a shift budget needs examples: the real dataset that shift is measured from"
            )
        self._url = url.rstrip("/")
        self._dial = dial
        self._reference = _sample(reference, seed) if dial.shift is not None else None
        self._seed = seed

    async def __call__(self, texts: Sequence[str]) -> Reading:
        """Raises `ServiceUnavailable` when the service does not answer, `InvalidRequest` when it refuses."""
        values = await self._measure(_sample(texts, self._seed))
        shift = self._dial.shift
        return Reading(
            self._value(values, self._dial.metric), self._value(values, shift.metric) if shift else None
        )

    async def _measure(self, texts: Sequence[str]) -> dict[str, float | None]:
        body: dict[str, object] = {"texts": texts, "metrics": self._families(), "seed": self._seed}
        if self._reference is not None:
            body["reference"] = self._reference
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            retrying = AsyncRetrying(
                retry=retry_if_exception_type(httpx.TransportError),
                stop=stop_after_attempt(5),
                wait=wait_random_exponential(max=5),
                reraise=True,
            )
            try:
                answer: httpx.Response = await retrying(client.post, f"{self._url}/v1/measure", json=body)
            except httpx.TransportError as error:
                raise ServiceUnavailable(
                    f"the metrics service at {self._url} does not answer: {error!r}"
                ) from error
        if answer.status_code >= 500:
            raise ServiceUnavailable(f"the metrics service at {self._url} failed: HTTP {answer.status_code}")
        if answer.status_code != 200:
            raise InvalidRequest(f"the metrics service refused to measure: {answer.text[:500]}")
        return {value["name"]: value["value"] for value in answer.json()["measured"]["values"]}

    def _families(self) -> list[str]:
        families = [FAMILY[self._dial.metric]]
        if self._dial.shift is not None:
            named = [family for word, family in SHIFT_FAMILIES.items() if word in self._dial.shift.metric]
            families += named or list(SHIFT_FAMILIES.values())
        return families

    @staticmethod
    def _value(values: dict[str, float | None], name: str) -> float:
        value = values.get(name)
        if value is None:
            raise InvalidRequest(f"the metrics service gives no {name}; it gave {', '.join(sorted(values))}")
        return value


def _sample(texts: Sequence[str], seed: int) -> list[str]:
    if len(texts) <= MOST_TEXTS:
        return list(texts)
    chosen = Chance(seed, "measured").sample(range(len(texts)), MOST_TEXTS)
    return [texts[i] for i in sorted(chosen)]
