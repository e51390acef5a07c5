"""Whether an attempt made lasting progress: then it counts as no failure.

Lasting is what another attempt finds: checkpoints, journals and decisions in the job's scratch, and calls
that were paid for beyond those of all attempts before. All of it is read from the store, by the store's own
clock: a worker that was killed cannot be asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.artifacts import project_store, scratch_store
from shared.contracts.base import ArtifactKind
from shared.contracts.jobs import JobRecord, JobState
from shared.identity import artifact_of
from shared.jobs.records import JobRecords
from shared.jobs.spending import accounts, larger
from shared.store.base import ObjectStore

PASSING = ("remote/",)
"""Of scratch, what every attempt writes anew: orders to other machines and their answers."""

ANSWERED = ("tokens", "money")
"""Of an account, what only an answered call adds to."""


@dataclass(frozen=True)
class Moving:
    """`most`: attempts since the request was last posted, however far they came; beyond, all count. `makes`:
    what each operation produces."""

    store: ObjectStore
    records: JobRecords
    most: int
    makes: Mapping[str, ArtifactKind]

    def moved(self, record: JobRecord) -> bool:
        """Whether the attempt that wrote `record`, a job's RUNNING state, left something behind."""
        kind = self.makes.get(record.operation)
        if kind is None or record.state is not JobState.RUNNING or self._attempts(record) >= self.most:
            return False
        artifact = artifact_of(kind, record.operation, record.version, record.request)
        corner = project_store(self.store, record.project)
        return _spent_more(corner, artifact, record.sequence) or self._wrote(corner, artifact, record)

    def _wrote(self, corner: ObjectStore, artifact: str, record: JobRecord) -> bool:
        began = self.records.written_at(record)
        if began is None:
            return False
        return any(
            _later(found.modified, began)
            for found in scratch_store(corner, artifact).list("")
            if not found.key.startswith(PASSING)
        )

    def _attempts(self, record: JobRecord) -> int:
        if record.sequence < self.most:  # each attempt is at least one state
            return record.sequence
        history = self.records.history(record.id)
        return sum(
            1
            for state in history
            if state.state is JobState.RUNNING and state.resubmissions == record.resubmissions
        )


def _later(modified: datetime | None, began: datetime) -> bool:
    return modified is not None and modified > began


def _spent_more(corner: ObjectStore, artifact: str, token: int) -> bool:
    """Whether the attempt's account is above those of all before it in tokens or money. Calls are counted
    when they are made: a source that is away takes ever more of them and answers none.
    """
    earlier: dict[str, float] = {}
    own: dict[str, float] = {}
    for number, amounts in accounts(corner, artifact):
        if number < token:
            earlier = larger(earlier, amounts)
        elif number == token:
            own = dict(amounts)
    return any(own.get(name, 0.0) > earlier.get(name, 0.0) for name in ANSWERED)
