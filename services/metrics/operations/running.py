"""What the lexical pass of a large dataset runs on: this process, several on this machine, or a Ray
cluster."""

from __future__ import annotations

from collections.abc import Callable

from services.metrics.lexical.runners.local import InProcess, LocalProcesses, Runner
from services.metrics.measuring.subject import TextSet
from shared.errors import ServiceUnavailable

Runners = Callable[[TextSet], Runner]
"""The runner for a dataset. The values are the same on any of them, to the last bit."""


def runners(workers: int = 1, ray_address: str | None = None) -> Runners:
    """Datasets of more than one shard go to Ray where an address is given, else to `workers` processes.

    Raises ImportError when a Ray cluster is asked for and the extra `ray` is not installed.
    """
    on_ray = _on_ray(ray_address) if ray_address else None

    def choose(texts: TextSet) -> Runner:
        if texts.texts.nbytes <= texts.shard_bytes:
            return InProcess()
        if on_ray is not None:
            return on_ray()
        return LocalProcesses(workers) if workers > 1 else InProcess()

    return choose


def _on_ray(address: str) -> Callable[[], Runner]:
    """Connects when a dataset is large enough, and again when the cluster was away meanwhile.

    The runner raises ServiceUnavailable while no cluster answers: the job waits for it.
    """
    import ray

    from services.metrics.lexical.runners.on_ray import OnRay

    def connected() -> Runner:
        if not ray.is_initialized():
            try:
                ray.init(address, log_to_driver=False)
            except ConnectionError as error:
                raise ServiceUnavailable(f"The Ray cluster at {address} does not answer: {error}") from error
        return OnRay()

    return connected
