"""What a running training tells, and what it needs from outside: the seam between the loop and its
surroundings.

The domain knows no store and no queue: whoever runs it passes `Surroundings`, and gets folders and numbers
back.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from services.trainer.errors import ForeignCheckpoint

REQUEST_FILE = "gamut.json"
SPENT = "training_seconds"
"""What a training takes, as an experiment's budget calls it."""


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """A moment of a training or an evaluation. `tokens_per_second` counts real tokens, `eta_seconds` wall
    time.
    """

    step: int
    steps: int
    loss: float
    tokens: int
    tokens_per_second: float
    eta_seconds: float


def ignore_progress(_progress: TrainingProgress) -> None:
    """For callers who do not look."""


def go_on() -> None:
    """For callers who never stop."""


@dataclass(frozen=True)
class Surroundings:
    """The outside of a training.

    progress: called after every step (the caller thins it out). check: called before every forward pass;
    raises whatever must end the training, and that passes through. save_checkpoint: given the folder of a
    finished checkpoint and its step; must have copied it when it returns. latest_checkpoint: a local folder
    of the newest checkpoint of this request, or None. fingerprint: names the request; a checkpoint of another
    one is refused. compile_from: trainings of at least so many steps compile the model's layers; None: none.
    """

    progress: Callable[[TrainingProgress], None] = ignore_progress
    check: Callable[[], None] = go_on
    save_checkpoint: Callable[[Path, int], None] | None = None
    latest_checkpoint: Callable[[], Path | None] = field(default=lambda: None)
    fingerprint: str = "unnamed"
    compile_from: int | None = None


def sign(folder: Path, fingerprint: str) -> None:
    """Writes into a checkpoint which request it belongs to."""
    (folder / REQUEST_FILE).write_text(json.dumps({"request": fingerprint}))


def require_own(folder: Path, fingerprint: str) -> None:
    """Raises ForeignCheckpoint unless `sign` wrote this fingerprint into the folder."""
    path = folder / REQUEST_FILE
    found = json.loads(path.read_text())["request"] if path.exists() else "an unknown request"
    if found != fingerprint:
        raise ForeignCheckpoint(fingerprint, found)
