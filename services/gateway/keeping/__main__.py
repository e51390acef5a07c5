"""Keeps the store that the settings name.

python -m services.gateway.keeping backup|restore FOLDER
python -m services.gateway.keeping collect [--delete]
"""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path

import redis

from services.gateway.keeping.collection import Collection
from services.gateway.keeping.copying import copy_all
from services.gateway.keeping.rules import Ages
from services.gateway.settings import GatewaySettings
from shared.assembly import connect
from shared.contracts.operations import OPERATIONS
from shared.store.local import LocalStore


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m services.gateway.keeping", description="Keep the store.")
    actions = parser.add_subparsers(dest="action", required=True)
    for name, help_text in (("backup", "copy the store into a folder"), ("restore", "copy it back")):
        actions.add_parser(name, help=help_text).add_argument("folder", type=Path)
    collect = actions.add_parser("collect", help="say what nothing needs any more")
    collect.add_argument("--delete", action="store_true", help="and remove it")
    given = parser.parse_args()
    settings = GatewaySettings()
    platform = connect(settings)
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
        client.delete("gamut:indexed")
    except redis.RedisError:
        print("Redis does not answer: delete gamut:indexed there when it does, unless it starts empty")


if __name__ == "__main__":
    main()
