"""A local disk that is full or read-only is told of as S3's outage is; what it holds is the user's alone."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.jobs import JobState
from shared.errors import StoreUnavailable
from shared.jobs.workspace import Workspace
from shared.store.local import STAGING_SECONDS, LocalStore
from tests.summaries import AnySummary
from tests.unit.shared.jobs.test_running import Count, bench_of

WRITES: dict[str, Callable[[LocalStore, Path], Any]] = {
    "put": lambda store, file: store.put("a", b"x"),
    "put_file": lambda store, file: store.put_file("a", file),
    "put_if_absent": lambda store, file: store.put_if_absent("a", b"x"),
}


def no_space(*_: Any, **__: Any) -> Any:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def read_only(*_: Any, **__: Any) -> Any:
    raise OSError(errno.EROFS, os.strerror(errno.EROFS))


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.parametrize("sick", [no_space, read_only])
def test_a_write_that_fails_is_an_outage_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[LocalStore, Path], Any], sick: Any
) -> None:
    store = LocalStore(tmp_path / "objects")
    file = tmp_path / "file"
    file.write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", sick)
        with pytest.raises(StoreUnavailable):
            write(store, file)
    assert list(store.list("")) == []
    assert list((tmp_path / "objects" / ".staging").iterdir()) == []
    write(store, file)
    assert [found.key for found in store.list("")] == ["a"]


def test_a_job_waits_out_a_full_disk_with_a_note(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(request: Count, workspace: Workspace) -> AnySummary:
        return AnySummary()

    suite = bench_of(tmp_path, redis_url, work)
    job = suite.submit(Count(upto=1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        suite.drain()
    waiting = suite.records.get(job.id)
    told = suite.live.progress(job.id)
    assert (waiting.state, waiting.attempts) == (JobState.QUEUED, 0)
    assert told is not None
    assert told.note.startswith("waiting")
    suite.redis.delete(f"gamut:sent:{job.id}")
    suite.reconciler.once()
    suite.drain()
    assert suite.records.get(job.id).state is JobState.SUCCEEDED


def test_objects_are_the_users_alone(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "objects")
    store.put("folder/one", b"x")
    assert store.put_if_absent("folder/two", b"x")
    assert stat.S_IMODE((tmp_path / "objects").stat().st_mode) == 0o700
    for name in ("one", "two"):
        assert stat.S_IMODE((tmp_path / "objects" / "folder" / name).stat().st_mode) == 0o600


def test_what_killed_writers_left_goes_when_the_store_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the disk's clock: that of a process may be two days ahead, while others are writing."""
    wrong = time.time() + 2 * STAGING_SECONDS
    LocalStore(tmp_path).put("a", b"x")
    old, new = (tmp_path / ".staging" / name for name in ("old", "new"))
    for left in (old, new):
        left.write_bytes(b"half")
    past = time.time() - STAGING_SECONDS - 60
    os.utime(old, (past, past))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: wrong)
        LocalStore(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)
