"""The audit log: who asked for what, written before it is done, one object an entry, never changed.

    projects/<project>/audit/<day>/<time>-<random>.json

Without an entry nothing is done: when the store is away, the request is refused as it would be anyway.
Reading is not audited; nor is the embedded mode, where there is nobody to tell apart. Callers without a valid
key leave a line in the process's own log: they must not be able to fill the store.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, date, datetime

from services.gateway.access.keys import Caller
from services.gateway.cursors import bad_cursor, read_cursor, write_cursor
from services.gateway.views import AuditEntry, AuditPage
from shared.artifacts import project_store
from shared.store.base import ObjectStore
from shared.stored import Unreadable, read_stored


class AuditLog:
    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def write(self, caller: Caller, method: str, path: str) -> None:
        """Raises `StoreUnavailable`: then the request must not go on."""
        now = datetime.now(UTC)
        entry = AuditEntry(time=now, key=str(caller.key), owner=caller.owner, method=method, path=path[:500])
        key = f"{_folder(now.date())}{now:%H%M%S.%f}-{secrets.token_hex(4)}.json"
        project_store(self._store, caller.project).put(
            key, entry.model_dump_json().encode(), "application/json"
        )

    def page(self, project: str, day: date, limit: int, cursor: str | None) -> AuditPage:
        """A day's entries in the order of their times."""
        store = project_store(self._store, project)
        after = read_cursor(cursor, (str,))[0] if cursor else ""
        if after and not after.startswith(_folder(day)):
            raise bad_cursor()
        keys = [found.key for found in store.list(_folder(day)) if found.key > after]
        items = []
        for key in keys[:limit]:
            with suppress(Unreadable):
                items.append(read_stored(AuditEntry, key, store.get(key)))
        return AuditPage(items=items, next=write_cursor(keys[limit - 1]) if len(keys) > limit else None)


def _folder(day: date) -> str:
    return f"audit/{day.isoformat()}/"
