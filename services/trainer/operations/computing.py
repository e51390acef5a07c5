"""A training from its prepared request to the files of its model: the same alone and in each of several
processes.
"""

from __future__ import annotations

from collections.abc import Callable

from services.trainer.loop.checkpoints import StoredCheckpoints
from services.trainer.loop.training import train
from services.trainer.models import loading
from services.trainer.models.building import Finished, build_model, finish
from services.trainer.operations.preparing import Prepared, require_fit
from services.trainer.operations.progress import Surroundings, TrainingProgress, go_on
from services.trainer.planning.memory import translated_memory_errors
from services.trainer.settings import TrainerSettings


def compute(
    settings: TrainerSettings,
    prepared: Prepared,
    checkpoints: StoredCheckpoints,
    *,
    artifact: str,
    device: str,
    progress: Callable[[TrainingProgress], None],
    check: Callable[[], None] = go_on,
) -> Finished:
    """Trains on this device, from the newest checkpoint if there is one. Raises OutOfMemory, UnsuitableModel,
    and what `services.trainer.loop.training.train` raises.
    """
    request = prepared.request
    require_fit(prepared.plan)
    with translated_memory_errors():
        model = build_model(request, prepared.files, device)
    trained = train(
        model,
        prepared.rendered.examples,
        request.settings,
        seed=request.seed,
        validation=() if prepared.validation is None else prepared.validation.examples,
        surroundings=Surroundings(
            progress=progress,
            check=check,
            save_checkpoint=checkpoints.save,
            latest_checkpoint=checkpoints.latest,
            fingerprint=artifact,
            compile_from=settings.compile_from if device.startswith("cuda") else None,
        ),
        pad_id=loading.pad_id(prepared.tokenizer),
    )
    return finish(model, trained, request, prepared.files, prepared.tokenizer, checkpoints.folder / "model")
