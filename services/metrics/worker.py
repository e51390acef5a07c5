"""The metrics worker: `celery -A services.metrics.worker worker -Q measure --pool solo`."""

from __future__ import annotations

from celery import Celery

from services.metrics.operations.handlers import handlers
from services.metrics.settings import MetricsSettings
from shared.assembly import lazy_app, make_worker

PACKAGES = ("numpy", "numba", "pyarrow", "scikit-learn", "scipy", "matplotlib", "opentsne")


def create_worker() -> Celery:
    settings = MetricsSettings()
    return make_worker(settings, handlers(settings), PACKAGES)


__getattr__ = lazy_app(create_worker)
