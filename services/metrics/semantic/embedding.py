"""What an embedding is to the measures, and how one is found by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.metrics.problems import Unmeasurable
from services.metrics.semantic.hashed_ngrams import HashedNgrams
from services.metrics.semantic.vectors import Vectors


class Embedder(Protocol):
    """Turns texts into unit rows. `description` holds all that the rows depend on."""

    @property
    def description(self) -> Mapping[str, str | int | float | bool]: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32, n × d, rows of length 1, in the texts' order."""


def find_embedder(name: str, models: Mapping[str, str], *, precision: str = "float32") -> Embedder:
    """The embedder of that name: `hashed-ngrams`, or a model of `models` (name → folder or hub id).

    Raises Unmeasurable when there is none (`unknown_embedding`), or torch and transformers are not installed
    (`missing_extra`); both say what can be done instead.
    """
    if name == HashedNgrams.NAME:
        return HashedNgrams()
    if name not in models:
        known = ", ".join([HashedNgrams.NAME, *sorted(models)])
        raise Unmeasurable(
            "unknown_embedding",
            f"No embedding is named {name!r} here; there are: {known}.",
            field="embedding",
        )
    try:
        from services.metrics.semantic.sentence_model import SentenceModel
    except ImportError as error:
        raise Unmeasurable(
            "missing_extra",
            f"The embedding {name!r} needs torch and transformers ({error.name} is not installed): "
            f"install the extra `embeddings`, or use {HashedNgrams.NAME!r}.",
            field="embedding",
        ) from error
    return SentenceModel(name, models[name], precision=precision)
