"""Settings of the trainer's processes, from `GAMUT_*` variables."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from shared.settings import CommonSettings


class TrainerSettings(CommonSettings):
    service: ClassVar[str] = "trainer"
    prepared: bool = Field(
        default=False, description="Load the libraries before the first request is taken, not while it waits."
    )
    models: dict[str, str] = Field(
        default={},
        description="The allow-list of bases: name -> folder, or hub id `<owner>/<model>[@<revision>]`.",
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = Field(
        default=None, ge=1, description="CPU threads of a training; None leaves it to torch."
    )
    memory_bytes: int | None = Field(
        default=None, ge=2**20, description="Memory a training may use; None asks the machine."
    )
    processes: int = Field(
        default=1, ge=1, description="Processes of one training, one to a GPU of this machine (torchrun)."
    )
    train_job_template: Path | None = Field(
        default=None,
        description="A Kubeflow TrainJob (YAML): each training is submitted as one, and watched.",
    )
    kubernetes_api: str = Field(
        default="https://kubernetes.default.svc", description="Where TrainJobs are submitted."
    )
    kubernetes_account: Path = Field(
        default=Path("/var/run/secrets/kubernetes.io/serviceaccount"),
        description="Folder of the service account: `token`, `ca.crt`, `namespace`.",
    )
    bundle: int = Field(
        default=16,
        ge=1,
        description="Waiting trainings on one base that are computed together, at most; 1 trains each alone.",
    )
    compile_from: int | None = Field(
        default=None,
        ge=1,
        description="Trainings of at least so many steps compile the model's layers on a GPU (a minute); "
        "None: none does.",
    )
    benchmark_tasks: str | None = Field(
        default=None, description="Folder of lm-evaluation-harness task files; without it there are none."
    )

    def training_device(self) -> str:
        """The device that `auto` means here."""
        if self.device != "auto":
            return self.device
        import torch  # the API process reads these settings too, and needs no torch for it

        return "cuda" if torch.cuda.is_available() else "cpu"
