"""How a training's job tells its progress, wherever the training is computed."""

from __future__ import annotations

from collections.abc import Callable

from services.trainer.operations.progress import SPENT, TrainingProgress
from shared.jobs.workspace import Workspace


def teller(workspace: Workspace) -> Callable[..., None]:
    """A function of a `TrainingProgress` and a note: it tells the job's progress and notes the time spent."""
    workspace.spending.note_time(SPENT)

    def tell(progress: TrainingProgress, note: str = "training") -> None:
        workspace.spending.note_time(SPENT)
        workspace.progress(
            progress.step,
            progress.steps,
            "steps",
            note=note,
            tokens=progress.tokens,
            loss=round(progress.loss, 6),
            tokens_per_second=round(progress.tokens_per_second, 1),
        )

    return tell
