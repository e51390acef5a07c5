"""What scales never stops what is busy (docs/adr/0010)."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from shared.contracts.base import Queue
from tests.deploy.manifests import (
    NO_RENDERER,
    Manifest,
    environment,
    named,
    render,
    renderer,
    selects,
    workloads,
)

Manifests = tuple[Manifest, ...]


@pytest.fixture(params=["gpu", "kueue", "kubeflow"])
def scaled(request: pytest.FixtureRequest) -> Manifests:
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    return render(request.param)


def test_the_queues_with_long_jobs_scale_by_jobs_alone(scaled: Manifests) -> None:
    lists = {j["spec"]["triggers"][0]["metadata"]["listName"] for j in named(scaled, "ScaledJob").values()}
    assert lists == {queue.value for queue in Queue} - {Queue.COORDINATE.value}
    scaled_deployments = [o["spec"]["scaleTargetRef"]["name"] for o in named(scaled, "ScaledObject").values()]
    assert scaled_deployments == ["gateway-worker"]


def test_a_job_takes_from_the_list_that_starts_it(scaled: Manifests) -> None:
    for workload in workloads(scaled):
        if workload.kind == "ScaledJob":
            listed = workload.manifest["spec"]["triggers"][0]["metadata"]["listName"]
            assert workload.main["command"][-1] == listed
            assert workload.service in workload.name


def test_the_list_counts_waiting_jobs_only(scaled: Manifests) -> None:
    """Messages leave the list before the job runs: KEDA's default strategy would start too few."""
    for job in named(scaled, "ScaledJob").values():
        assert job["spec"]["scalingStrategy"]["strategy"] == "accurate"
        assert job["spec"]["rollout"]["strategy"] == "gradual"
        assert job["spec"]["triggers"][0]["metadata"]["listLength"] == "1"
        target = job["spec"]["jobTargetRef"]
        assert target["backoffLimit"] == 0, "the reconciler alone counts attempts"
        assert target["template"]["spec"]["restartPolicy"] == "Never"


def test_a_jobs_pod_is_its_workers_pod(scaled: Manifests) -> None:
    every = {workload.name: workload for workload in workloads(scaled)}
    for name, job in every.items():
        if job.kind == "ScaledJob":
            worker = every[name.replace("-job", "-worker")]
            assert _same(job.spec) == _same(worker.spec)
            assert job.labels["app.kubernetes.io/name"] == worker.labels["app.kubernetes.io/name"]
            assert job.labels["app.kubernetes.io/component"] == "job", "no Deployment or budget may count it"


def test_no_idle_trainer_holds_a_gpu(scaled: Manifests) -> None:
    trainer = named(scaled, "Deployment")["trainer-worker"]
    assert trainer["spec"]["replicas"] == 0
    job = named(scaled, "ScaledJob")["trainer-job"]["spec"]
    assert "minReplicaCount" not in job or job["minReplicaCount"] == 0
    limits = job["jobTargetRef"]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == 1


def test_kueue_holds_training_and_nothing_else() -> None:
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    manifests = render("kueue")
    label = "kueue.x-k8s.io/queue-name"
    held = {n: j["metadata"]["labels"].get(label) for n, j in named(manifests, "ScaledJob").items()}
    assert {name for name, queue in held.items() if queue} == {"trainer-job"}
    local = named(manifests, "LocalQueue")[held["trainer-job"]]
    cluster = named(manifests, "ClusterQueue")[local["spec"]["clusterQueue"]]
    flavours = {f["name"] for group in cluster["spec"]["resourceGroups"] for f in group["flavors"]}
    assert flavours == set(named(manifests, "ResourceFlavor"))


def _same(spec: dict[str, Any]) -> dict[str, Any]:
    container = {k: v for k, v in spec["containers"][0].items() if k not in {"command", "args"}}
    return {k: v for k, v in spec.items() if k != "restartPolicy"} | {"containers": [container]}


def test_the_pods_that_submit_a_train_job_may_and_leave_it_room() -> None:
    if renderer() is None:
        pytest.skip(NO_RENDERER)
    manifests = render("kubeflow")
    pod = next(workload for workload in workloads(manifests) if workload.name == "trainer-job")
    assert pod.spec["serviceAccountName"] in named(manifests, "ServiceAccount")
    way = named(manifests, "NetworkPolicy")["trainer-worker-to-api-server"]["spec"]
    assert selects(way["podSelector"], pod.labels)
    variables = environment(pod, manifests)
    (mount,) = [one for one in pod.main["volumeMounts"] if one["name"] == "train-job"]
    assert variables["GAMUT_TRAIN_JOB_TEMPLATE"] == mount["mountPath"] + "/train-job.yaml"
    template = yaml.safe_load(named(manifests, "ConfigMap")["gamut-train-job"]["data"]["train-job.yaml"])
    queue = template["metadata"]["labels"]["kueue.x-k8s.io/queue-name"]
    cluster = named(manifests, "ClusterQueue")[named(manifests, "LocalQueue")[queue]["spec"]["clusterQueue"]]
    (flavor,) = cluster["spec"]["resourceGroups"][0]["flavors"]
    quota = {one["name"]: one["nominalQuota"] for one in flavor["resources"]}
    trainer = template["spec"]["trainer"]
    taken = trainer["numNodes"] * trainer["resourcesPerNode"]["requests"]["nvidia.com/gpu"]
    waiting = pod.manifest["spec"]["maxReplicaCount"] * pod.main["resources"]["requests"]["nvidia.com/gpu"]
    assert quota["nvidia.com/gpu"] >= waiting + taken, "those that wait for it would leave no room for it"
