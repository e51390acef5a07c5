"""Keeps the store that the settings name.

python -m services.gateway.keeping backup|restore FOLDER
python -m services.gateway.keeping collect [--delete]
python -m services.gateway.keeping check [--set-aside]
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path

import redis

from services.gateway.keeping.checking import Checked, check_store
from services.gateway.keeping.collection import Collection
from services.gateway.keeping.copying import copy_all
from services.gateway.keeping.rules import Ages
from services.gateway.settings import GatewaySettings
from shared.assembly import connect
from shared.contracts.operations import OPERATIONS
from shared.jobs.live import INDEXED
from shared.store.base import ObjectStore
from shared.store.local import LocalStore


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.gateway.keeping", description="Keep the store.")
    actions = parser.add_subparsers(dest="action", required=True)
    for name, help_text in (("backup", "copy the store into a folder"), ("restore", "copy it back")):
        actions.add_parser(name, help=help_text).add_argument("folder", type=Path)
    collect = actions.add_parser("collect", help="say what nothing needs any more")
    collect.add_argument("--delete", action="store_true", help="and remove it")
    check = actions.add_parser("check", help="read every part and say what is damaged; then it exits with 1")
    check.add_argument("--set-aside", action="store_true", help="and let it be made again")
    given = parser.parse_args()
    settings = GatewaySettings()
    platform = connect(settings)
    if given.action == "check":
        sys.exit(_check(platform.store, aside=given.set_aside))
    if given.action == "collect":
        found = Collection(platform.store, platform.records, OPERATIONS, _ages(settings)).run(
            delete=given.delete
        )
        print(
            f"{'removed' if given.delete else 'could remove'}: {found.objects} objects, {found.bytes} bytes"
        )
        return
    folder = LocalStore(given.folder / "objects")
    stores = (platform.store, folder) if given.action == "backup" else (folder, platform.store)
    copied = copy_all(*stores)
    print(f"copied: {copied.objects} objects, {copied.bytes} bytes; there already: {copied.known}")
    if given.action == "restore":
        _build_indexes_again(platform.redis)


def _check(store: ObjectStore, *, aside: bool) -> int:
    checked, damaged = Checked(), 0
    for found in check_store(store, checked, aside=aside):
        damaged += 1
        print(
            f"damaged: project {found.project}, artifact {found.artifact}, part {found.part}: {found.fault}"
        )
    print(
        f"read: {checked.parts} parts of {checked.artifacts} artifacts, {checked.bytes} bytes; "
        f"damaged: {damaged}{' (set aside)' if damaged and aside else ''}"
    )
    return 1 if damaged else 0


def _ages(settings: GatewaySettings) -> Ages:
    return Ages(
        parts=timedelta(days=settings.keep_parts_days),
        scratch=timedelta(days=settings.keep_scratch_days),
        uploads=timedelta(days=settings.keep_uploads_days),
        audit=timedelta(days=settings.keep_audit_days),
    )


def _build_indexes_again(client: redis.Redis) -> None:
    """The reconciler does, from the store, when Redis does not say that it knows them."""
    try:
        client.delete(INDEXED)
    except redis.RedisError:
        print(f"Redis does not answer: delete {INDEXED} there when it does, unless it starts empty")


if __name__ == "__main__":
    main()
