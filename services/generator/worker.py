"""The generator's worker: `celery -A services.generator.worker worker -Q generate --pool threads -c 4`."""

from __future__ import annotations

from celery import Celery

from services.generator.operations.handlers import handlers
from services.generator.settings import GeneratorSettings
from shared.assembly import lazy_app, make_worker

PACKAGES = ("httptools", "jinja2", "orjson")


def create_worker() -> Celery:
    settings = GeneratorSettings()
    return make_worker(settings, handlers(settings), PACKAGES)


__getattr__ = lazy_app(create_worker)
