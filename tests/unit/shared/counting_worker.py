"""A worker of one operation, started by the tests as a process of its own."""

from __future__ import annotations

import time
from typing import ClassVar

from shared.assembly import make_worker
from shared.contracts.base import ArtifactKind, JobRequest, Queue
from shared.jobs.workspace import Workspace
from shared.settings import CommonSettings
from tests.summaries import AnySummary


class CountTo(JobRequest):
    operation: ClassVar[str] = "count_to"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[AnySummary]] = AnySummary

    upto: int
    seconds_each: float = 0.0


def count_to(request: CountTo, workspace: Workspace) -> AnySummary:
    for n in range(request.upto):
        workspace.progress(n, request.upto, "numbers")
        time.sleep(request.seconds_each)
        workspace.check()
    workspace.output.put_json("numbers.json", list(range(request.upto)))
    return AnySummary(upto=request.upto)


app = make_worker(CommonSettings(), {CountTo: count_to})
