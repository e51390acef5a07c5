"""An experiment as it stands: its plan, with the state of each job beside it."""

from __future__ import annotations

from services.gateway.context import Gateway
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.plan import ExperimentPlan, Node
from services.gateway.views import Experiment, ExperimentNode
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.jobs import Job, JobRecord, JobState
from shared.identity import job_id


def show_experiment(gateway: Gateway, record: JobRecord) -> Experiment:
    """One whose sources or models are gone is shown all the same. Raises `InvalidRecipe` for one of an older
    version that can no longer be expanded."""
    job = gateway.shown(record)
    plan = expand(ExperimentRequest.model_validate(record.request), gateway.catalogue.then())
    reported = job.progress.detail.get("nodes", {}) if job.progress else {}
    nodes = [_shown(gateway, job, plan, node, reported.get(node.key, {})) for node in plan.nodes.values()]
    return Experiment(job=job, nodes=nodes)


def _shown(
    gateway: Gateway, job: Job, plan: ExperimentPlan, node: Node, reported: dict[str, str | None]
) -> ExperimentNode:
    """`reported` is the node's entry in the experiment's progress: its job and state, as far as it has any.
    The job's id is taken from there first: a report over the runs that succeeded is another request, and so
    another job, than the one that was planned."""
    expected = reported.get("job") or job_id(job.project, node.request)
    record = gateway.platform.records.find(expected)
    artifact = record.artifact if record else None
    state = record.state.value if record else str(reported.get("state") or "waiting")
    if state == "waiting" and job.state.ended:  # what has not begun by now never will
        state = "cancelled" if job.state is JobState.CANCELLED else "blocked"
    if node is plan.report and job.artifact:
        artifact, state = job.artifact, "succeeded"
    return ExperimentNode(
        name=node.key,
        also=list(node.also),
        step=node.step,
        axes=node.labels,
        operation=node.request.operation,
        needs=sorted(node.needs | node.gathers),
        state=state,
        job=record.id if record else None,
        artifact=artifact,
    )
