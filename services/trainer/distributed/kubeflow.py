"""Trainings as Kubeflow TrainJobs: submitted under a name that follows from the artifact, watched, deleted.

The manifest is the operator's (image, runtime, GPUs, environment); filled in are its name, its labels and the
command, which torchrun starts in every pod. Since the name is the artifact's, a worker that comes after a
dead one finds the TrainJob at work instead of paying for a second. The pods read and write the object store;
the worker only looks at the TrainJob's conditions (https://www.kubeflow.org/docs/components/trainer).
"""

from __future__ import annotations

import copy
import json
import ssl
from http import HTTPStatus
from typing import Any

import httpx
import yaml

from services.trainer.distributed.remote import State
from services.trainer.settings import TrainerSettings
from shared.errors import GamutError, Reason, ServiceUnavailable

API = "trainer.kubeflow.org/v1alpha1"
MODULE = "services.trainer.distributed.process"


class TrainJobRefused(GamutError):
    """The cluster refused the TrainJob. Compare the template with the cluster's own version of TrainJob, and
    the worker's service account with what it may create."""

    code = "train_job_refused"
    reason = Reason.INTERNAL


class TrainJobs:
    """One training's TrainJob."""

    poll_seconds = 5.0

    def __init__(self, settings: TrainerSettings, client: httpx.Client | None = None) -> None:
        assert settings.train_job_template is not None
        self.template: dict[str, Any] = yaml.safe_load(settings.train_job_template.read_text())
        self._account = settings.kubernetes_account
        self._environment = environment(settings)
        namespace = (self._account / "namespace").read_text().strip()
        self._path = f"/apis/{API}/namespaces/{namespace}/trainjobs"
        authority = self._account / "ca.crt"
        verify = ssl.create_default_context(cafile=str(authority)) if authority.exists() else True
        self._client = client or httpx.Client(base_url=settings.kubernetes_api, verify=verify, timeout=30)
        self._name = ""

    def start(self, project: str, artifact: str, token: int) -> None:
        """Submits it; one of that name that has failed is replaced, any other is taken over."""
        job = manifest(self.template, project, artifact, token, self._environment)
        self._name = str(job["metadata"]["name"])
        if self._exists() and self.state() == "failed":
            self.stop()
        answer = self._call("POST", self._path, json=job)
        if answer.status_code not in (HTTPStatus.CREATED, HTTPStatus.OK, HTTPStatus.CONFLICT):
            raise TrainJobRefused(f"The cluster refused TrainJob {self._name}: {_message(answer)}")

    def state(self) -> State:
        """By its conditions; one that somebody deleted has failed."""
        answer = self._call("GET", f"{self._path}/{self._name}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return "failed"
        conditions = answer.json().get("status", {}).get("conditions", [])
        true = {condition["type"] for condition in conditions if condition["status"] == "True"}
        return "done" if "Complete" in true else "failed" if "Failed" in true else "running"

    def stop(self) -> None:
        """Deletes it and its pods."""
        self._call("DELETE", f"{self._path}/{self._name}", params={"propagationPolicy": "Foreground"})

    def leave(self) -> None:
        """It works on: the next worker finds it by its name."""

    def _exists(self) -> bool:
        return self._call("GET", f"{self._path}/{self._name}").status_code == HTTPStatus.OK

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        token = (self._account / "token").read_text().strip()  # read each time: it is renewed in place
        try:
            answer = self._client.request(
                method, path, headers={"Authorization": f"Bearer {token}"}, **options
            )
        except httpx.HTTPError as error:
            raise ServiceUnavailable(f"The cluster's API does not answer: {error}") from error
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise ServiceUnavailable(f"The cluster's API answers {answer.status_code}: {_message(answer)}")
        if answer.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise TrainJobRefused(f"The worker may not {method} TrainJobs: {_message(answer)}")
        return answer


def environment(settings: TrainerSettings) -> dict[str, str]:
    """What the pods share with the worker: where the store is, and what the bases' names mean. No secrets."""
    return {
        "GAMUT_STORE": settings.store,
        "GAMUT_S3_ENDPOINT": settings.s3_endpoint,
        "GAMUT_S3_BUCKET": settings.s3_bucket,
        "GAMUT_S3_SECURE": str(settings.s3_secure).lower(),
        "GAMUT_S3_REGION": settings.s3_region,
        "GAMUT_MODELS": json.dumps(settings.models),
    }


def manifest(
    template: dict[str, Any], project: str, artifact: str, token: int, shared: dict[str, str]
) -> dict[str, Any]:
    """The template with this training's name, labels, command and, where it sets them not, variables."""
    job = copy.deepcopy(template)
    job["apiVersion"], job["kind"] = API, "TrainJob"
    metadata = job.setdefault("metadata", {})
    metadata["name"] = f"gamut-{artifact}"
    metadata.setdefault("labels", {}).update(
        {"app.kubernetes.io/name": "trainer", "app.kubernetes.io/component": "train-job"}
    )
    trainer = job.setdefault("spec", {}).setdefault("trainer", {})
    variables = trainer.setdefault("env", [])
    own = {variable["name"] for variable in variables}
    variables += [{"name": name, "value": value} for name, value in shared.items() if name not in own]
    trainer["command"] = ["torchrun", "-m", MODULE, project, artifact, str(token)]
    return job


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("message", answer.text))
    except ValueError:
        return answer.text[:500]
