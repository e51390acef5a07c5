"""A base model that a person names, looked at before anything is started: a slip costs a second."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from embedded.processes import Base
from embedded.suite import SuiteError

ENDS = 2**20
"""Bytes at the start and the end of a file of weights that tell it from another."""


def base_of(named: str) -> Base:
    """A folder of this machine, or `<owner>/<model>[@<revision>]` of a hub, as it is now. The name that
    results carry holds what tells these weights from others: artifacts are found again by it.

    Raises `SuiteError` for a folder that holds no model, and for what the hub does not give.
    """
    folder = Path(named).expanduser()
    if folder.is_dir():
        return _local(folder.resolve())
    if named.startswith(("/", ".", "~")):
        raise SuiteError(f"there is no folder {named}")
    return _hub(named)


def _local(folder: Path) -> Base:
    weights = sorted(folder.glob("*.safetensors"))
    for missing, found in (("config.json", (folder / "config.json").is_file()), ("*.safetensors", weights)):
        if not found:
            raise SuiteError(f"{folder} holds no {missing}: a base is a folder as save_pretrained writes it")
    sha = hashlib.sha256()
    for file in (folder / "config.json", *weights):
        size = file.stat().st_size
        sha.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as content:
            sha.update(content.read(ENDS))
            content.seek(max(0, size - ENDS))
            sha.update(content.read(ENDS))
    return Base(_name(folder.name, sha.hexdigest()), str(folder))


def _hub(named: str) -> Base:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository, _, revision = named.partition("@")
    try:
        found = Path(snapshot_download(repository, revision=revision or None, allow_patterns="config.json"))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise SuiteError(
            f"{named!r} is neither a folder of this machine nor a model that its hub gives "
            f"({type(error).__name__}: {str(error).splitlines()[0]})"
        ) from error
    return Base(_name(repository, found.name), f"{repository}@{found.name}")


def _name(plain: str, digest: str) -> str:
    return re.sub(r"[^A-Za-z0-9._/-]+", "-", plain).strip("-._/") + "-" + digest[:8]
