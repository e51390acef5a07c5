"""Collection, backup and restore on a real store, among jobs that end well, badly, and not yet."""

from __future__ import annotations

import hashlib
import os
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.keeping.checking import Checked, check_store
from services.gateway.keeping.collection import Collection
from services.gateway.keeping.copying import copy_all
from services.gateway.keeping.rules import Ages
from shared.artifacts import Artifact, project_store
from shared.contracts.base import JobRequest
from shared.contracts.jobs import JobState
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace
from shared.store.local import LocalStore
from tests.unit.services.gateway.small_operations import Pool
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite

AGES = Ages(*(timedelta(days=days) for days in (7, 30, 7, 400)))
STEP = st.tuples(st.sampled_from(["run", "fail", "post", "collect"]), st.integers(0, 3))
LATER = datetime.now(UTC) + timedelta(days=500)


def collection(suite: SmallSuite) -> Collection:
    return Collection(suite.store, suite.records, suite.operations, AGES)


def whole(store: LocalStore) -> dict[str, str]:
    """Every artifact's parts, read through its manifest, by digest. Raises when one cannot be read."""
    corner = project_store(store, PROJECT)
    ids = {
        found.key.split("/")[1] for found in corner.list("artifacts/") if found.key.endswith("manifest.json")
    }
    found = {}
    for artifact in (Artifact.open(corner, name) for name in sorted(ids)):
        for part in artifact.manifest.parts:
            data = artifact.read(part.name)
            assert hashlib.sha256(data).hexdigest() == part.sha256
            found[f"{artifact.id}/{part.name}"] = part.sha256
    return found


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["run", "fail", "post", "collect"]), st.integers(0, 3)), max_size=12
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_artifact_stays_whole_whenever_it_is_collected(
    redis_server: str, steps: list[tuple[str, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = LocalStore(Path(folder))
        suite = SmallSuite(store, redis_server)
        suite.redis.flushall()
        for action, seed in steps:
            if action == "collect":
                before = whole(store)
                collection(suite).run(delete=True, now=LATER)
                assert whole(store) == before
            else:
                suite.behaviour["topics"] = fail if action == "fail" else write
                suite.post(Pool(seed=seed))
                if action != "post":
                    suite.drain()
        active = list(suite.records.active())
        assert all(suite.records.find(job) for job in active)


def write(request: JobRequest, workspace: Workspace) -> None:
    workspace.scratch.put("checkpoint", b"half")
    workspace.output.put("rows.jsonl", b"{}\n", "application/jsonl")


def fail(request: JobRequest, workspace: Workspace) -> None:
    write(request, workspace)
    raise InvalidData("on purpose")


@pytest.fixture
def used(suite: SmallSuite) -> SmallSuite:
    suite.behaviour["topics"] = write
    suite.run(Pool(seed=1))
    suite.behaviour["topics"] = fail
    suite.run(Pool(seed=2))
    return suite


def test_what_a_failed_job_left_is_collected_when_it_is_old(used: SmallSuite) -> None:
    store: Any = used.store
    before = whole(store)
    assert collection(used).run(delete=True).objects == 0  # all of it is young
    seen = collection(used).run(delete=False, now=LATER)
    assert seen.objects == 3  # the failed job's part, and two checkpoints
    assert collection(used).run(delete=True, now=LATER) == seen
    assert collection(used).run(delete=True, now=LATER).objects == 0
    assert whole(store) == before


def test_what_a_manifest_names_that_cannot_be_read_is_left_alone(used: SmallSuite) -> None:
    """A newer version's, or one that was written by half: its parts may be wanted again."""
    corner = project_store(used.store, PROJECT)
    manifest = next(found.key for found in corner.list("artifacts/") if found.key.endswith("/manifest.json"))
    content = corner.get(manifest)
    corner.put(manifest, b"")
    assert collection(used).run(delete=True, now=LATER).objects == 3  # as without
    corner.put(manifest, content)
    assert whole(used.store)


def test_what_a_job_is_making_is_left_alone(used: SmallSuite) -> None:
    used.behaviour["topics"] = write
    used.post(Pool(seed=2))  # taken up again: its checkpoint is of use
    assert collection(used).run(delete=True, now=LATER).objects == 1
    used.drain()
    assert all(record.state is JobState.SUCCEEDED for record in used.records.all())


def test_what_is_written_again_meanwhile_stays(used: SmallSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    head = LocalStore.head

    def rewritten(self: LocalStore, key: str) -> Any:
        path = self.local_path(key)
        if path is not None and "/parts/" in key:
            os.utime(path, (2e9, 2e9))
        return head(self, key)

    monkeypatch.setattr(LocalStore, "head", rewritten)
    assert collection(used).run(delete=True, now=LATER).objects == 2


def test_a_backup_is_the_suite_again(used: SmallSuite, tmp_path: Path, redis_server: str) -> None:
    store: Any = used.store
    backup, other = LocalStore(tmp_path / "backup"), LocalStore(tmp_path / "other")
    copied = copy_all(store, backup)
    assert copied.objects > 5
    assert copy_all(store, backup).objects < copied.objects / 2  # only what changes
    copy_all(backup, other)
    assert whole(other) == whole(store)
    used.redis.flushall()
    again = SmallSuite(other, redis_server)
    again.reconciler.once()
    found = {record.id: record.state for record in again.records.all()}
    assert found == {record.id: record.state for record in used.records.all()}
    assert again.post(Pool(seed=1)).state is JobState.SUCCEEDED  # nothing is made twice


def test_a_backup_taken_while_jobs_run_holds_whole_artifacts_only(
    used: SmallSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job ends between the listing of its parts and that of its manifest."""
    backup = LocalStore(tmp_path / "backup")
    stream = LocalStore.stream
    started: list[str] = []

    def meanwhile(self: LocalStore, key: str, *rest: Any) -> Any:
        if self is used.store and not started:
            started.append(key)
            used.behaviour["topics"] = write
            used.run(Pool(seed=9))
        return stream(self, key, *rest)

    monkeypatch.setattr(LocalStore, "stream", meanwhile)
    copy_all(used.store, backup)
    assert started
    assert set(whole(backup)) <= set(whole(used.store))  # type: ignore[arg-type]  # a LocalStore


def test_a_walk_through_the_store_says_what_is_damaged_and_can_set_it_aside(suite: SmallSuite) -> None:
    ended = [suite.run(Pool(count=count)) for count in (1, 2, 3)]
    corner = project_store(suite.store, PROJECT)
    lost = Artifact.open(corner, str(ended[1].artifact))
    corner.put(lost.key("result.json"), b"{}")
    walked = Checked()
    found = list(check_store(suite.store, walked, aside=False))
    assert [(damage.project, damage.artifact, damage.part) for damage in found] == [
        (PROJECT, lost.id, "result.json")
    ]
    assert walked.parts == 3
    assert len(list(check_store(suite.store, Checked(), aside=True))) == 1
    again = suite.run(Pool(count=2))
    assert (again.state, again.artifact) == (JobState.SUCCEEDED, lost.id)
    assert list(check_store(suite.store, Checked(), aside=False)) == []
