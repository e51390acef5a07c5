"""Pre-train the stand-in models: `python -m standin.pretrain [generator|base …]`.

Reads the corpora of `standin.corpus` (writes them first when absent), trains one tokenizer on both, then each
model from scratch, and saves fp16 safetensors with a `provenance.json` that says how to make the same again.
The same machine and thread count give the same weights; others differ in the last bits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from standin.corpus import PLANS, documents, write_rows
from standin.documents import base_document, story_document
from standin.grammar import story
from standin.tokenization import train_tokenizer
from standin.training import Example, Schedule, batches, encode, held_out_loss, pretrain, schedule_figures

CONTEXT = 512
VOCABULARY = 2048
MODEL_SEED = 7
HELD_OUT_SEED = 990_001
BATCH_TOKENS = 4096
TOKENIZER_DOCUMENTS = 8_000
MODELS = Path(__file__).parent / "models"


def model_config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    """Llama, 1.04M parameters: four layers of width 128, tied embeddings."""
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=336,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def make_model(name: str, build: Path, models: Path, limit: int | None = None) -> dict[str, object]:
    """Train model `name`, save it under `models/name`, return its provenance; `limit` cuts the corpora."""
    corpora = {plan: _corpus(plan, build, limit) for plan in PLANS}
    tokenizer = _tokenizer(corpora)
    examples = _examples(corpora[name], tokenizer)
    work = batches(examples, BATCH_TOKENS, seed=MODEL_SEED)
    schedule = Schedule(steps=len(work), warmup=min(100, len(work) // 5))
    torch.manual_seed(MODEL_SEED)
    model = LlamaForCausalLM(model_config(tokenizer))
    checkpoint = build / "checkpoints" / f"{name}.pt"
    cpu = 0.0
    for figures in pretrain(model, work, schedule, checkpoint, MODEL_SEED):
        print(json.dumps({"model": name, "of": len(work)} | figures), flush=True)
        cpu = figures["cpu_seconds"]
    provenance = _provenance(
        name, corpora[name], model, schedule, tokens=sum(len(e.ids) for e in examples), cpu=cpu
    )
    provenance["held_out_loss"] = round(
        held_out_loss(model, _held_out(name, tokenizer, min(500, limit or 500))), 4
    )
    _save(model, tokenizer, provenance, models / name)
    checkpoint.unlink(missing_ok=True)
    return provenance


def _corpus(name: str, build: Path, limit: int | None) -> Path:
    path = build / "corpus" / (f"{name}.jsonl" if limit is None else f"{name}.{limit}.jsonl")
    if not path.exists():
        write_rows(documents(PLANS[name], limit), path)
    return path


def _tokenizer(corpora: dict[str, Path]) -> PreTrainedTokenizerFast:
    texts = [
        "".join(text for text, _ in json.loads(line)["segments"])
        for path in corpora.values()
        for line in islice(path.open(encoding="utf-8"), TOKENIZER_DOCUMENTS)
    ]
    return train_tokenizer(texts, VOCABULARY, CONTEXT)


def _examples(corpus: Path, tokenizer: PreTrainedTokenizerFast) -> list[Example]:
    rows = (json.loads(line)["segments"] for line in corpus.open(encoding="utf-8"))
    return [example for row in rows if (example := encode(row, tokenizer, CONTEXT))]


def _held_out(name: str, tokenizer: PreTrainedTokenizerFast, count: int) -> list[Example]:
    """Fresh texts of the model's own family: stories under a plain prompt, or bare paragraphs."""
    rng = random.Random(HELD_OUT_SEED)
    texts = [story_document(story(rng)) if name == "generator" else base_document(rng) for _ in range(count)]
    return [example for text in texts if (example := encode(text.segments, tokenizer, CONTEXT))]


def _provenance(
    name: str, corpus: Path, model: LlamaForCausalLM, schedule: Schedule, tokens: int, cpu: float
) -> dict[str, object]:
    with corpus.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "model": name,
        "script": "python -m standin.pretrain",
        "corpus": {
            "script": "python -m standin.corpus documents",
            "seed": PLANS[name].seed,
            "sha256": digest,
        },
        "seed": MODEL_SEED,
        "parameters": sum(p.numel() for p in model.parameters()),
        "schedule": schedule_figures(schedule),
        "batch_tokens": BATCH_TOKENS,
        "tokens": tokens,
        "threads": torch.get_num_threads(),
        "cpu_seconds": round(cpu),
        "versions": {
            package: version(package) for package in ("torch", "transformers", "tokenizers", "safetensors")
        },
    }


def _save(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, provenance: dict[str, object], target: Path
) -> None:
    model.half()  # type: ignore[no-untyped-call]
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
    (target / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m standin.pretrain", description=__doc__)
    parser.add_argument("names", nargs="*", help="generator, base (default: both)")
    parser.add_argument(
        "--build", type=Path, default=Path("build/standin"), help="where corpora and checkpoints lie"
    )
    parser.add_argument("--out", type=Path, default=MODELS, help="where the finished models go")
    parser.add_argument(
        "--documents", type=int, default=None, help="cut each corpus to so many documents: a trial run"
    )
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in arguments.names or list(PLANS):
        print(json.dumps(make_model(name, arguments.build, arguments.out, arguments.documents)), flush=True)


if __name__ == "__main__":
    main()
