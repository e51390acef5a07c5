"""Opens the store that the settings name: the one place that knows which adapters there are."""

from __future__ import annotations

from shared.settings import CommonSettings
from shared.store.base import ObjectStore
from shared.store.local import LocalStore


def open_store(settings: CommonSettings) -> ObjectStore:
    if settings.store == "local":
        return LocalStore(settings.data_dir / "objects", settings.public_url, settings.url_secret())
    from shared.store.s3 import S3Store  # only when it is used: the client costs 0.2 s to import

    assert settings.s3_access_key is not None  # the settings refuse to load without them
    assert settings.s3_secret_key is not None
    store = S3Store(
        settings.s3_endpoint,
        settings.s3_access_key.get_secret_value(),
        settings.s3_secret_key.get_secret_value(),
        settings.s3_bucket,
        secure=settings.s3_secure,
        region=settings.s3_region,
        public_endpoint=settings.s3_public_endpoint,
        public_secure=settings.s3_public_secure,
    )
    store.make_bucket()
    return store
