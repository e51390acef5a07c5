"""The object-store seam: one protocol, a local directory and any S3 server behind it."""

from shared.store.base import ObjectInfo, ObjectNotFound, ObjectStore, UploadPart, UploadTicket
from shared.store.local import LocalStore
from shared.store.prefixed import PrefixedStore

__all__ = [
    "LocalStore",
    "ObjectInfo",
    "ObjectNotFound",
    "ObjectStore",
    "PrefixedStore",
    "UploadPart",
    "UploadTicket",
]
