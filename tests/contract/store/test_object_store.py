"""What every object store must do; the same tests for each adapter."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path
from unittest.mock import ANY
from urllib.parse import urlsplit

import httpx
import pytest

from shared.errors import InvalidRequest
from shared.store import LocalStore, ObjectNotFound, ObjectStore, PrefixedStore
from shared.store.base import PART_BYTES, ObjectInfo, part_ranges

MINUTE = timedelta(minutes=1)


def test_what_is_put_is_there(store: ObjectStore) -> None:
    store.put("a/b.json", b"{}", "application/json")
    assert store.get("a/b.json") == b"{}"
    found = store.head("a/b.json")
    assert found is not None
    assert (found.key, found.bytes) == ("a/b.json", 2)
    store.put("a/b.json", b"[1]")
    assert store.get("a/b.json") == b"[1]"


def test_what_is_absent_is_said_so(store: ObjectStore) -> None:
    assert store.head("nothing") is None
    with pytest.raises(ObjectNotFound):
        store.get("nothing")
    with pytest.raises(ObjectNotFound):
        list(store.stream("nothing"))
    store.delete("nothing")


def test_an_object_comes_as_a_file(store: ObjectStore, tmp_path: Path) -> None:
    content = os.urandom(3 * 2**20 + 1)
    store.put("large", content)
    looks: list[bool] = []
    path = tmp_path / "large.bin"
    store.get_file("large", path, lambda: looks.append(path.exists()))
    assert path.read_bytes() == content
    assert looks
    assert not any(looks), "the file has its name only when it is whole"
    store.put("large", b"other")
    store.get_file("large", path)
    assert path.read_bytes() == b"other"


def test_a_file_that_does_not_come_whole_leaves_nothing(store: ObjectStore, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    with pytest.raises(ObjectNotFound):
        store.get_file("nothing", folder / "copy")
    store.put("large", bytes(3 * 2**20))

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        store.get_file("large", folder / "copy", stop)
    assert list(folder.iterdir()) == []


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    store.put("empty", b"")
    assert store.get("empty") == b""
    assert [found.key for found in store.list("emp")] == ["empty"]


def test_one_of_many_conditional_puts_wins(store: ObjectStore) -> None:
    gate = threading.Barrier(8)
    won: list[int] = []

    def put(number: int) -> None:
        gate.wait(20)
        if store.put_if_absent("one", str(number).encode()):
            won.append(number)

    threads = [threading.Thread(target=put, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(won) == 1
    assert store.get("one") == str(won[0]).encode()
    assert store.put_if_absent("one", b"late") is False


def test_listing_is_in_order_of_key_and_below_the_prefix(store: ObjectStore) -> None:
    for key in ("b/2", "b/10", "a", "b/1", "bb"):
        store.put(key, b"x")
    assert [found.key for found in store.list("b/")] == ["b/1", "b/10", "b/2"]
    assert [found.key for found in store.list("b")] == ["b/1", "b/10", "b/2", "bb"]


def test_ranges_are_streamed(store: ObjectStore) -> None:
    data = os.urandom(3 * 2**20 + 17)
    store.put("large", data)
    assert b"".join(store.stream("large")) == data
    assert b"".join(store.stream("large", 2**20 - 1, 2**20 + 5)) == data[2**20 - 1 : 2 * 2**20 + 4]
    assert b"".join(store.stream("large", len(data) - 3)) == data[-3:]


def test_files_are_put_and_deleted(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    store.put_file("f", path, "text/plain")
    assert store.get("f") == b"content"
    store.delete("f")
    assert store.head("f") is None


def test_an_upload_counts_only_when_it_is_finished(store: ObjectStore) -> None:
    ticket = store.start_upload("uploads/x", 5, MINUTE)
    assert [(part.number, part.offset, part.bytes) for part in ticket.parts] == [(1, 0, 5)]
    with pytest.raises(InvalidRequest):
        store.finish_upload("uploads/x", ticket.upload_id)
    _put_part(store, ticket.parts[0].url, b"hello")
    assert store.head("uploads/x") is None
    store.finish_upload("uploads/x", ticket.upload_id)
    assert store.get("uploads/x") == b"hello"
    with pytest.raises(InvalidRequest):
        store.finish_upload("uploads/x", ticket.upload_id)


def test_every_part_of_an_upload_is_in_the_file(store: ObjectStore) -> None:
    ticket = store.start_upload("uploads/z", PART_BYTES + 3, MINUTE)
    for part, data in zip(ticket.parts, (b"a" * PART_BYTES, b"end"), strict=True):
        _put_part(store, part.url, data)
    store.finish_upload("uploads/z", ticket.upload_id)
    assert store.head("uploads/z") == ObjectInfo("uploads/z", PART_BYTES + 3, ANY)
    assert b"".join(store.stream("uploads/z", PART_BYTES - 1)) == b"aend"


def test_an_aborted_upload_leaves_nothing(store: ObjectStore) -> None:
    ticket = store.start_upload("uploads/y", 5, MINUTE)
    _put_part(store, ticket.parts[0].url, b"hello")
    store.abort_upload("uploads/y", ticket.upload_id)
    assert store.head("uploads/y") is None
    assert list(store.list("uploads/")) == []


def test_a_download_address_opens_one_object_only(store: ObjectStore) -> None:
    store.put("open", b"yes")
    store.put("shut", b"no")
    url = store.download_url("open", MINUTE)
    assert _fetch(store, url) == b"yes"
    assert _fetch(store, url.replace("/open?", "/shut?")) is None


def test_a_prefix_is_a_world_of_its_own(store: ObjectStore) -> None:
    store.put("outside", b"1")
    inner = PrefixedStore(store, "projects/p")
    inner.put("k", b"2")
    assert [found.key for found in inner.list("")] == ["k"]
    assert store.get("projects/p/k") == b"2"
    assert inner.head("outside") is None


@pytest.mark.parametrize("key", ["../x", "/x", "a//b", "a/../b", "", "a b", ".", "a\n"])
def test_no_key_leaves_the_store(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="not an object key"):
        store.put(key, b"")


def test_parts_cover_a_file_of_any_size() -> None:
    for size in (1, 64 * 2**20, 64 * 2**20 + 1, 5 * 2**40):
        ranges = part_ranges(size)
        assert len(ranges) <= 10_000
        assert sum(length for _, _, length in ranges) == size
        assert all(offset == sum(r[2] for r in ranges[:i]) for i, (_, offset, _) in enumerate(ranges[:20]))


def _put_part(store: ObjectStore, url: str, data: bytes) -> None:
    """As a client would: over HTTP for S3; the gateway's side of a signed address for a directory."""
    if isinstance(store, LocalStore):
        key, until, signature = _signed(url)
        assert store.verify("PUT", key, until, signature)
        store.put(key, data)
    else:
        assert httpx.put(url, content=data).status_code == 200


def _fetch(store: ObjectStore, url: str) -> bytes | None:
    if isinstance(store, LocalStore):
        key, until, signature = _signed(url)
        return store.get(key) if store.verify("GET", key, until, signature) else None
    answer = httpx.get(url)
    return answer.content if answer.status_code == 200 else None


def _signed(url: str) -> tuple[str, int, str]:
    parts = urlsplit(url)
    query = dict(pair.split("=") for pair in parts.query.split("&"))
    return parts.path.removeprefix("/objects/"), int(query["expires"]), query["signature"]
