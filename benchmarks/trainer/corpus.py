"""Real text as rows: FairytaleQA, and stories made of it, where GAMUT_DATA has it; else the examples'.

Everything is cut to the lengths a case asks for in tokens, by the benchmark's own tokenizer, so that both
sides get the very same token ids.
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from services.trainer.data.examples import Example
from services.trainer.data.rendering import render
from shared.contracts.training.settings import RenderingSettings

ROOT = Path(__file__).parents[2]
VOCABULARY = 4096
END = "<|end|>"
Row = dict[str, Any]


def _folder(name: str) -> Path:
    return Path(os.environ.get("GAMUT_DATA", ROOT.parent / "shared" / "data")) / name


def _lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@cache
def stories() -> dict[str, str]:
    """Whole stories by name."""
    real = _folder("fairytaleqa") / "train.contexts.jsonl"
    if real.exists():
        return {row["context_id"]: row["text"] for row in _lines(real)}
    rows = _lines(ROOT / "examples" / "data" / "stories.train.jsonl")
    text = [
        " ".join(str(row[key]) for key in ("context", "completion", "text") if key in row) for row in rows
    ]
    size = max(1, len(text) // 8)
    return {f"story-{start}": " ".join(text[start : start + size]) for start in range(0, len(text), size)}


def source() -> str:
    """Where the text is from, for a row's note."""
    return "FairytaleQA" if (_folder("fairytaleqa") / "train.contexts.jsonl").exists() else "the examples"


@cache
def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE of the stories: about four letters a token, as a large model's."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(list(stories().values())[:60], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, bos_token=END)


def _rendered(rows: Sequence[Row], contexts: dict[str, str] | None = None) -> tuple[Example, ...]:
    return render(rows, tokenizer(), RenderingSettings(), context_length=None, contexts=contexts).examples


def questions(contexts: int, pairs: int, tokens: int) -> tuple[Example, ...]:
    """`pairs` real question-answer pairs on each of `contexts` stories, cut to their first `tokens`."""
    found = _pairs()
    texts: dict[str, str] = {}
    for name, text in stories().items():
        ids = tokenizer().encode(text, add_special_tokens=False)
        if len(found[name]) >= pairs and len(ids) >= tokens:
            texts[name] = tokenizer().decode(ids[:tokens])
        if len(texts) == contexts:
            break
    if len(texts) < contexts:
        raise SystemExit(f"only {len(texts)} stories have {pairs} pairs and {tokens} tokens: ask for less")
    return _rendered([row for name in texts for row in found[name][:pairs]], texts)


def _pairs() -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    real = _folder("fairytaleqa") / "train.jsonl"
    if real.exists():
        for row in _lines(real):
            rows[row["context_id"]].append(row)
        return rows
    for name, text in stories().items():  # cloze questions: what follows this sentence?
        for number, (before, after) in enumerate(pairwise(_sentences(text))):
            asked = f"What comes after {' '.join(before.split()[:8])}?"
            answer = " ".join(after.split()[:8])
            rows[name].append(
                {"id": f"{name}:{number}", "context_id": name, "question": asked, "answer": answer}
            )
    return rows


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]


def sentences(count: int) -> tuple[Example, ...]:
    """A sentence as context and the next one as completion: rows of mixed lengths as real text has them."""
    rows: list[Row] = []
    for name, text in stories().items():
        for number, (before, after) in enumerate(pairwise(_sentences(text))):
            rows.append({"id": f"{name}:{number}", "context": before, "completion": after})
        if len(rows) >= 20 * count:
            break
    return _rendered(rows[:: max(1, len(rows) // count)][:count])


def instructions(count: int) -> tuple[Example, ...]:
    """Dolly's instructions and people's answers: from a word to pages; empty where it is not there."""
    path = _folder("dolly") / "dolly_13447.jsonl"
    if not path.exists():
        return ()
    lines = _lines(path)
    rows = [
        {"id": str(n), "context": f"{line['instruction']}\n{line['context']}", "completion": line["response"]}
        for n, line in enumerate(lines[:: len(lines) // count])
    ]
    return tuple(example for example in _rendered(rows) if len(example) <= 1024)[:count]


def equal(count: int, prompt: int = 20, completion: int = 30) -> tuple[Example, ...]:
    """Rows of one length, cut from the stories at token borders."""
    size, examples = prompt + completion, []
    for name, text in stories().items():
        ids = tokenizer().encode(text, add_special_tokens=False)
        for start in range(0, len(ids) - size, size):
            piece = tuple(ids[start : start + size])
            examples.append(Example(f"{name}:{start}", piece[:prompt], piece[prompt:]))
        if len(examples) >= count:
            break
    return tuple(examples[:count])
