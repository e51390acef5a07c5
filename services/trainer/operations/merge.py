"""The `merge` job: adapters of one base become one. No base is loaded for it."""

from __future__ import annotations

from services.trainer.errors import UnsuitableModel
from services.trainer.models.merging import CONFIG, WEIGHTS, merge_adapters, read_adapter, write_adapter
from services.trainer.models.resolving import ModelFiles, Place, resolve
from services.trainer.settings import TrainerSettings
from shared.contracts.problems import FieldError
from shared.contracts.training.merging import MergeRequest, MergeSummary
from shared.jobs.workspace import Workspace

MEDIA_TYPES = {CONFIG: "application/json", WEIGHTS: "application/octet-stream"}


def make_merge(settings: TrainerSettings, request: MergeRequest, workspace: Workspace) -> MergeSummary:
    """Parts: `adapter_config.json` and `adapter_model.safetensors`. Raises UnsuitableModel for what is no
    adapter, or is one of another base."""
    place = Place(workspace.store, workspace.folder)
    found = []
    for number, part in enumerate(request.parts):
        workspace.progress(number, len(request.parts), "models", note="reading adapters")
        found.append(resolve(place, settings.models, None, part.model))
    base = _one_base(request, found)
    adapters = [
        read_adapter(files.adapter, part.model)
        for files, part in zip(found, request.parts, strict=True)
        if files.adapter is not None
    ]
    merged = merge_adapters(adapters, [part.weight for part in request.parts])
    folder = workspace.folder / "merged"
    write_adapter(merged, folder)
    for name, media_type in MEDIA_TYPES.items():
        with workspace.output.part(name, media_type) as written:
            written.write((folder / name).read_bytes())
    return MergeSummary(
        method="lora",
        base=base.base,
        base_digest=base.digest,
        files=list(MEDIA_TYPES),
        rank=int(merged.config["r"]),
    )


def _one_base(request: MergeRequest, found: list[ModelFiles]) -> ModelFiles:
    """The base that all of them are adapters of."""
    for number, (files, part) in enumerate(zip(found, request.parts, strict=True)):
        where = [FieldError(pointer=f"/parts/{number}/model", detail="cannot be merged")]
        if files.adapter is None:
            raise UnsuitableModel(
                f"{part.model} is a whole model: only LoRA adapters of one base are merged.", where
            )
        if files.digest != found[0].digest:
            raise UnsuitableModel(
                f"{part.model} stands on {files.base}, and {request.parts[0].model} on {found[0].base}: "
                "merge adapters of one base.",
                where,
            )
    return found[0]
