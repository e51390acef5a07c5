"""The metrics worker: `celery -A services.metrics.worker worker -Q measure --pool solo`."""

from __future__ import annotations

from services.metrics.handlers import handlers
from services.metrics.settings import MetricsSettings
from shared.assembly import make_worker

PACKAGES = ("numpy", "numba", "pyarrow", "scikit-learn", "scipy", "matplotlib", "opentsne")

settings = MetricsSettings()
app = make_worker(settings, handlers(settings), PACKAGES)
