"""Names meet: selectors find pods, ports have the names they are called by, addresses lead to services."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from tests.deploy.manifests import K8S, Manifest, Workload, environment, named, selects, workloads

Manifests = tuple[Manifest, ...]


def test_every_workload_selects_its_own_pods_and_no_others(manifests: Manifests) -> None:
    every = list(workloads(manifests))
    for workload in every:
        if workload.kind in {"ScaledJob", "CronJob", "RayCluster"}:
            continue
        picked = [w.name for w in every if selects(workload.manifest["spec"]["selector"], w.labels)]
        assert picked == [workload.name]


def test_every_service_leads_to_a_port_of_one_workload(manifests: Manifests) -> None:
    services = named(manifests, "Service")
    assert services
    for service in services.values():
        found = [
            w for w in workloads(manifests) if selects({"matchLabels": service["spec"]["selector"]}, w.labels)
        ]
        assert len(found) == 1, service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            assert port["name"]
            assert found[0].ports[port["targetPort"]] == port["port"]


def test_every_disruption_budget_guards_one_workload(manifests: Manifests) -> None:
    for budget in named(manifests, "PodDisruptionBudget").values():
        found = [w for w in workloads(manifests) if selects(budget["spec"]["selector"], w.labels)]
        assert [w.name for w in found] == [budget["metadata"]["name"]]


def test_whatever_scales_exists_and_leaves_its_replicas_to_the_scaler(manifests: Manifests) -> None:
    scalers = [
        *named(manifests, "HorizontalPodAutoscaler").values(),
        *named(manifests, "ScaledObject").values(),
    ]
    for scaler in scalers:
        target = scaler["spec"]["scaleTargetRef"]
        assert target["name"] in named(manifests, target["kind"])
    for scaler in named(manifests, "HorizontalPodAutoscaler").values():
        deployment = named(manifests, "Deployment")[scaler["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in deployment["spec"]
        requests = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]
        assert "cpu" in requests, "the utilisation is a share of this"


JOBSET = "jobset.sigs.k8s.io/jobset-name"


def test_every_policy_means_pods_and_ports_that_exist(manifests: Manifests) -> None:
    every = list(workloads(manifests))
    ports = (
        {name for w in every for name in w.ports}
        | {p for w in every for p in w.ports.values()}
        | {53, 443, 4318, 6443, 10443}  # names, TLS, traces, the cluster's API, Kubeflow's status
    )
    for policy in named(manifests, "NetworkPolicy").values():
        spec = policy["spec"]
        if JOBSET in str(spec["podSelector"]):  # pods that are made when a training runs
            continue
        assert any(selects(spec["podSelector"], w.labels) for w in every), policy["metadata"]["name"]
        for rule in [*spec.get("ingress", []), *spec.get("egress", [])]:
            for peer in [*rule.get("from", []), *rule.get("to", [])]:
                if "podSelector" in peer:
                    assert any(selects(peer["podSelector"], w.labels) for w in every), policy["metadata"][
                        "name"
                    ]
            assert {port["port"] for port in rule.get("ports", [])} <= ports


def test_every_way_the_processes_need_is_open(manifests: Manifests) -> None:
    """Who connects to whom, as the settings say it, is allowed at both ends."""
    for workload in workloads(manifests):
        for name, port in _addresses(workload, manifests):
            service = named(manifests, "Service")[name]
            target = next(
                w
                for w in workloads(manifests)
                if selects({"matchLabels": service["spec"]["selector"]}, w.labels)
            )
            number = {p["port"]: p["targetPort"] for p in service["spec"]["ports"]}[port]
            if target.name != workload.name and _connects(workload, name):
                assert _open(manifests, "egress", "to", workload, target, number), (
                    workload.name,
                    target.name,
                )
                assert _open(manifests, "ingress", "from", target, workload, number), (
                    workload.name,
                    target.name,
                )


def test_no_other_way_is_open(manifests: Manifests) -> None:
    every = {w.name: w for w in workloads(manifests)}
    for holder, other in [
        ("trainer-worker", "source"),
        ("metrics-worker", "source"),
        ("source", "gateway-api"),
        ("metrics-api", "gateway-api"),
        ("trainer-worker", "metrics-api"),
    ]:
        both = (
            _open(manifests, "egress", "to", every[holder], every[other], "http"),
            _open(manifests, "ingress", "from", every[other], every[holder], "http"),
        )
        assert both != (True, True), (holder, other)


def test_every_probe_and_hook_names_a_port_of_its_container(manifests: Manifests) -> None:
    for workload in workloads(manifests):
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            action = workload.main.get(probe, {})
            if "httpGet" in action:
                assert action["httpGet"]["port"] in workload.ports, workload.name


def test_every_grace_outlasts_the_wait_before_the_stop(manifests: Manifests) -> None:
    for workload in workloads(manifests):
        hook = (
            workload.main.get("lifecycle", {})
            .get("preStop", {})
            .get("exec", {})
            .get("command", ["sleep", "0"])
        )
        assert workload.spec.get("terminationGracePeriodSeconds", 30) > float(hook[1]) + 10


def test_every_volume_map_and_secret_that_is_named_exists(manifests: Manifests) -> None:
    declared = {
        line.split("=")[0]
        for line in (K8S / "secrets.env.example").read_text().splitlines()
        if line and not line.startswith("#")
    }
    maps, claims = named(manifests, "ConfigMap"), named(manifests, "PersistentVolumeClaim")
    for workload in workloads(manifests):
        volumes = {volume["name"]: volume for volume in workload.spec.get("volumes", [])}
        own = {c["metadata"]["name"] for c in workload.manifest["spec"].get("volumeClaimTemplates", [])}
        for mount in workload.main.get("volumeMounts", []):
            assert mount["name"] in {*volumes, *own}, workload.name
        for volume in volumes.values():
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
            for item in volume.get("secret", {}).get("items", []):
                assert volume["secret"]["secretName"] == "gamut"
                assert item["key"] in declared
        for source in workload.main.get("envFrom", []):
            if "secretRef" in source:  # keys of sources, where there are any
                assert (workload.service, source["secretRef"]) == (
                    "generator",
                    {"name": "gamut-sources", "optional": True},
                )
                continue
            assert source["configMapRef"]["name"] in maps, f"{workload.name}: kustomize left a name behind"
        for reference in _secrets(workload.manifest):
            assert reference["name"] == "gamut"
            assert reference["key"] in declared
    assert {r["key"] for m in manifests for r in _secrets(m)} <= declared


def test_a_variable_that_others_are_made_of_comes_before_them(manifests: Manifests) -> None:
    for workload in workloads(manifests):
        seen: set[str] = set()
        for variable in workload.main.get("env", []):
            assert set(re.findall(r"\$\((\w+)\)", variable.get("value") or "")) <= seen, variable["name"]
            seen.add(variable["name"])
        assert len(seen) == len(workload.main.get("env", []))


def test_an_ingress_leads_to_a_service(manifests: Manifests) -> None:
    for ingress in named(manifests, "Ingress").values():
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                service = named(manifests, "Service")[backend["name"]]
                assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_a_monitor_selects_services_and_names_their_port(manifests: Manifests) -> None:
    for monitor in named(manifests, "ServiceMonitor").values():
        found = [
            s
            for s in named(manifests, "Service").values()
            if selects(monitor["spec"]["selector"], s["metadata"].get("labels", {}))
        ]
        assert found, monitor["metadata"]["name"]
        for service in found:
            ports = {port["name"] for port in service["spec"]["ports"]}
            assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports


def _addresses(workload: Workload, manifests: Manifests) -> Iterator[tuple[str, int]]:
    """The services of this namespace that a workload's settings name."""
    if workload.service is None:
        return
    variables = environment(workload, manifests)
    yield "redis", urlsplit(variables["GAMUT_REDIS_URL"] or "").port or 0
    store, _, port = (variables["GAMUT_S3_ENDPOINT"] or "").partition(":")
    if store in named(manifests, "Service"):
        yield store, int(port)
    for name in ("GAMUT_GENERATOR_URL", "GAMUT_METRICS_URL", "GAMUT_TRAINER_URL"):
        address = urlsplit(variables[name] or "")
        yield address.hostname or "", address.port or 0
    for source in json.loads(variables["GAMUT_SOURCES"] or "{}").values():
        address = urlsplit(source["base_url"])
        yield address.hostname or "", address.port or 0


def _connects(workload: Workload, name: str) -> bool:
    """All reach the platform; the gateway's API the services, and its worker the generator; the generator its
    sources and the metrics."""
    if name in {"redis", "object-store"}:
        return True
    if workload.service == "generator":
        return name in {"source", "metrics-api"}
    if workload.name == "gateway-worker":
        return name == "generator-api"
    return workload.name == "gateway-api" and name != "source"


def _open(manifests: Manifests, way: str, peer: str, holder: Workload, other: Workload, port: Any) -> bool:
    """Whether some policy on `holder` lets it talk to (or hear) `other` at the port."""
    for policy in named(manifests, "NetworkPolicy").values():
        if not selects(policy["spec"]["podSelector"], holder.labels):
            continue
        for rule in policy["spec"].get(way, []):
            server = other if way == "egress" else holder
            ports = {entry["port"] for entry in rule.get("ports", [])}
            if not ports & {port, server.ports.get(port)}:
                continue
            peers = rule.get(peer)
            if peers is None or any(_is(entry, other) for entry in peers):
                return True
    return False


def _is(peer: Manifest, workload: Workload) -> bool:
    if "namespaceSelector" in peer and "podSelector" not in peer:
        return not peer["namespaceSelector"]
    return "podSelector" in peer and selects(peer["podSelector"], workload.labels)


def _secrets(value: Any) -> Iterator[dict[str, str]]:
    if isinstance(value, dict):
        if "secretKeyRef" in value:
            yield value["secretKeyRef"]
        if "secretTargetRef" in value:
            yield from value["secretTargetRef"]
        for part in value.values():
            yield from _secrets(part)
    elif isinstance(value, list):
        for part in value:
            yield from _secrets(part)
