"""One model, loaded and ready to write batches of sequences."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from standin.server.decoding import Decoding
from standin.server.sequence import Sequence


class Engine:
    """One causal language model on the CPU, in float32."""

    def __init__(self, folder: Path, adapter: Path | None = None) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True
        )
        if adapter is not None:
            self._model = _merged(self._model, adapter)
        self._model.train(False)
        self.context: int = self._model.config.max_position_embeddings
        self.vocabulary: int = self._model.config.vocab_size
        self._end_id: int = self.tokenizer.eos_token_id
        self._pad_id: int = (
            self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else self._end_id
        )
        self.root = str(adapter or folder)
        self.revision = _weights_digest(adapter or folder)

    def generate(self, rows: list[Sequence], after_step: Callable[[list[Sequence]], None]) -> None:
        """Write `rows` to their ends; `after_step` gets those that changed. Blocks; one call at a time."""
        batch = Decoding(self._model, rows, self._pad_id)
        while batch.writing():
            after_step(batch.step(self.tokenizer.backend_tokenizer, self._end_id))


def _merged(model: Any, adapter: Path) -> Any:
    """The model with a LoRA adapter in peft's format added to its weights."""
    from peft import PeftModel  # takes a second to import, and most servers have no adapter

    return PeftModel.from_pretrained(model, str(adapter)).merge_and_unload()


def _weights_digest(folder: Path) -> str:
    """What is served, by content: SHA-256 over weights and tokenizer."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("tokenizer.json")]):
        digest.update(path.read_bytes())
    return f"sha256:{digest.hexdigest()}"
