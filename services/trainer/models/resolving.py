"""Which weights a request means, by a name on the allow-list or a model artifact, as folders on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from services.trainer.errors import UnsuitableModel
from shared.artifacts import Artifact
from shared.contracts.base import ArtifactKind
from shared.contracts.training.results import ModelSummary
from shared.errors import UnknownModel
from shared.store.base import ObjectStore

LIGHT = ["*.json", "*.jinja", "*.model", "*.txt"]
WEIGHTS = ["*.safetensors"]
_CHUNK = 2**22


@dataclass(frozen=True)
class Place:
    """Where to look for artifacts, and where to put copies. Without `weights`, a hub gives only what
    describes a model, and no digest is made.
    """

    store: ObjectStore
    folder: Path
    weights: bool = True


@dataclass(frozen=True)
class ModelFiles:
    """A base model's folder and, where the request names a tuned model, the adapter to put on it.

    `base` is the name that results carry; `digest` is that of the base's weights and config.
    """

    base: str
    folder: Path
    digest: str
    adapter: Path | None = None
    hub: str | None = None
    """The base's `<owner>/<model>` where it came from a hub, and the commit that it was there."""
    revision: str | None = None

    @property
    def loaded_by(self) -> str:
        """What `from_pretrained` finds the base by elsewhere; its name here where it is a folder of ours."""
        return self.hub or self.base


def resolve(
    place: Place, allowed: Mapping[str, str], base: str | None, artifact_id: str | None
) -> ModelFiles:
    """The files of a base name or of a model artifact; with both, the artifact must stand on that base.

    Raises UnknownModel, UnsuitableModel.
    """
    if artifact_id is None:
        assert base is not None
        return _allowed(place, allowed, base)
    files = _artifact(place, allowed, artifact_id)
    if base is not None and files.base != base:
        raise UnsuitableModel(f"{artifact_id} stands on {files.base}, not on {base}: name only one of them.")
    return files


def _allowed(place: Place, allowed: Mapping[str, str], name: str) -> ModelFiles:
    if name not in allowed:
        known = ", ".join(sorted(allowed)) or "none"
        raise UnknownModel(
            f"{name!r} is not a base this trainer may use. Known: {known} (set by GAMUT_MODELS)."
        )
    where = allowed[name]
    folder = _folder(where, place.weights)
    made = digest(folder) if place.weights else ""
    if Path(where).is_dir():
        return ModelFiles(name, folder, made)
    # A snapshot's folder is named by its commit.
    return ModelFiles(name, folder, made, hub=where.partition("@")[0], revision=folder.name)


def _folder(where: str, weights: bool) -> Path:
    """A folder of this machine, or the hub's snapshot of `<owner>/<model>[@<revision>]`."""
    if Path(where).is_dir():
        return Path(where)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = where.partition("@")
    try:
        patterns = [*LIGHT, *WEIGHTS] if weights else LIGHT
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise UnknownModel(
            f"{where!r} is neither a folder of the trainer's machine nor a model its hub gives: {error}"
        ) from error


def _artifact(place: Place, allowed: Mapping[str, str], artifact_id: str) -> ModelFiles:
    artifact = Artifact.open(place.store, artifact_id)
    if artifact.manifest.kind is not ArtifactKind.MODEL:
        raise UnsuitableModel(f"{artifact_id} is a {artifact.manifest.kind}, and a model is needed.")
    made = artifact.summary_as(ModelSummary)
    folder = _materialise(artifact, made.files, place.folder)
    if made.method != "lora":
        return ModelFiles(artifact_id, folder, digest(folder))
    inputs = artifact.manifest.inputs
    below = _below(place, allowed, made.base, inputs.get("base_model"))
    if place.weights and below.digest != made.base_digest:
        raise UnsuitableModel(
            f"{artifact_id} was trained on other weights than {below.base} has now: its adapter does not "
            f"fit them. "
            "Put the old weights back under that name, or train again."
        )
    return replace(below, adapter=folder)


def _below(place: Place, allowed: Mapping[str, str], base: str | None, model: str | None) -> ModelFiles:
    """What an adapter stands on; a merged one names a whole model artifact as its base."""
    if base is not None and base.startswith(f"{ArtifactKind.MODEL}-") and base not in allowed:
        return resolve(place, allowed, None, base)
    return resolve(place, allowed, base, model)


def _materialise(artifact: Artifact, files: Sequence[str], folder: Path) -> Path:
    """The files of a model artifact under their own names in one folder."""
    target = folder / artifact.id
    target.mkdir(exist_ok=True)
    for name in files:
        if not (target / name).exists():
            artifact.copy(name, target / name)
    return target


def digest(folder: Path) -> str:
    """SHA-256 of a model's config and weights, by file name and content."""
    files = sorted(
        path for path in folder.iterdir() if path.name == "config.json" or path.suffix == ".safetensors"
    )
    return _digest(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=64)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Hashed once per process while size and time of change stay."""
    sha = hashlib.sha256()
    for path, size, _ in files:
        sha.update(f"{path.name} {size}\n".encode())
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                sha.update(chunk)
    return sha.hexdigest()
