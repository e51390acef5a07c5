"""What each operation of this service would take, and how large the dataset is that it makes."""

from __future__ import annotations

from services.metrics.estimates.seconds import STARTING, measuring_seconds
from services.metrics.estimates.sizes import to_be_made, words
from shared.contracts.base import JobRequest, Queue
from shared.contracts.estimates import JobEstimate
from shared.contracts.operations import OPERATIONS
from shared.contracts.report import ReportRequest
from shared.contracts.surface import SurfaceRequest
from shared.estimates import Estimator, KnownInputs


def estimate(request: JobRequest, known: KnownInputs) -> JobEstimate:
    """Seconds are unknown where the size of a dataset that the job reads is. What is small beside datasets
    (evaluations, histories) is not counted."""
    makes = to_be_made(request, known)
    datasets = [name for name in request.input_artifacts().values() if name.startswith("dataset-")]
    sides = [
        (float(rows), counted)
        for name in datasets
        if (rows := known.rows(name)) is not None and (counted := words(name, known)) is not None
    ]
    reads_none = isinstance(request, ReportRequest | SurfaceRequest)
    if len(sides) < len(datasets) or not (datasets or reads_none):
        return JobEstimate(makes=makes)
    seconds = measuring_seconds(request, sides)
    return JobEstimate(seconds=seconds, starting_seconds=STARTING, makes=makes)


ESTIMATORS: dict[type[JobRequest], Estimator] = {
    request: estimate for request in OPERATIONS.values() if request.queue is Queue.MEASURE
}
