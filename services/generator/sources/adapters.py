"""Trained adapters as sources: put where the model server reads, then loaded over its API.

vLLM's own two calls: `GET /v1/models` says what is loaded, `POST /v1/load_lora_adapter` loads. An adapter is
known to the server by its artifact's id, so loading it twice, or from two workers at once, does no harm.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from services.generator.errors import AdapterRefused
from services.generator.sources.registry import Registry, SourceSpec
from shared.artifacts import Artifact
from shared.contracts.generation.sources import SourceRef
from shared.errors import SourceUnavailable

FILES = ("adapter_config.json", "adapter_model.safetensors")
SECONDS = 120.0


def serve_adapters(registry: Registry, refs: Sequence[SourceRef], opened: Callable[[str], Artifact]) -> None:
    """Every source's adapter is loaded on its server afterwards.

    Raises `AdapterRefused` for a model that is no adapter or that the server does not take, and
    `SourceUnavailable` when the server is away.
    """
    for ref in refs:
        if ref.adapter is not None:
            spec = registry.spec(ref)
            _put(spec, opened(ref.adapter))
            _load(ref, spec)


def _put(spec: SourceSpec, adapter: Artifact) -> None:
    """The adapter's files in the shared folder, whole or not at all."""
    absent = [name for name in FILES if not adapter.has(name)]
    if absent:
        raise AdapterRefused(
            f"{adapter.id} has no {absent[0]}: only an adapter that was trained with `lora`"
            " can be served as a source"
        )
    assert spec.adapters_dir is not None
    spec.adapters_dir.mkdir(parents=True, exist_ok=True)
    final = spec.adapters_dir / adapter.id
    if final.exists():
        return
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=spec.adapters_dir))
    draft.chmod(0o755)  # the server may be another user
    for name in FILES:
        (draft / name).write_bytes(adapter.read(name))
    try:
        draft.rename(final)
    except OSError:  # another worker was first
        shutil.rmtree(draft)


def _load(ref: SourceRef, spec: SourceSpec) -> None:
    folder = spec.adapters_path or str(spec.adapters_dir)
    body = {"lora_name": ref.adapter, "lora_path": f"{folder}/{ref.adapter}"}
    url = str(spec.base_url).rstrip("/")
    try:
        with httpx.Client(headers=spec.headers(), timeout=SECONDS) as client:
            served = client.get(f"{url}/models").raise_for_status().json()["data"]
            if any(model["id"] == ref.adapter for model in served):
                return
            answer = client.post(f"{url}/load_lora_adapter", json=body)
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise SourceUnavailable(
            f"source {ref.name!r} could not be asked to load {ref.adapter}: {error}"
        ) from error
    if answer.status_code >= 500:
        raise SourceUnavailable(f"source {ref.name!r} failed to load {ref.adapter}: {answer.text[:300]}")
    if answer.is_error and "already" not in answer.text:
        raise AdapterRefused(f"source {ref.name!r} does not take {ref.adapter}: {answer.text[:300]}")
