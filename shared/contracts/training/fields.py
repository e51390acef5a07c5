"""Kinds of fields that several of the trainer's models have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Method = Literal["lora", "full", "pretrain"]
Batching = Literal["padded", "packed", "shared_prefix"]
LaidOut = Annotated[
    Batching,
    Field(
        description="How the rows are laid out: padded where `packed` was asked for and the model's "
        "attention cannot be packed, which gives the same numbers."
    ),
]
OverLong = Literal["refuse", "drop", "window"]
LossOn = Literal["completion", "all"]
Schedule = Literal["linear", "cosine", "constant"]
Precision = Literal["auto", "fp32", "bf16"]
PresetName = Literal["W", "E", "C"]
ModelName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")]
TaskName = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
ModuleName = Annotated[str, Field(min_length=1, max_length=100)]
