"""The coordinator's process: `celery -A services.gateway.worker worker -Q coordinate --pool solo`."""

from __future__ import annotations

from celery import Celery

from services.gateway.access.keys import Keyring
from services.gateway.access.quotas import with_quotas
from services.gateway.operations.handlers import handlers
from services.gateway.settings import GatewaySettings
from shared.assembly import connect, lazy_app, make_worker


def create_worker() -> Celery:
    settings = GatewaySettings()
    platform = with_quotas(connect(settings), Keyring(settings.api_keys_file))
    return make_worker(settings, handlers(settings, platform), platform=platform)


__getattr__ = lazy_app(create_worker)
