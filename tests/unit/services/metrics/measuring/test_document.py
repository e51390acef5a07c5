"""What metrics declare of themselves is what documents say and what is measured."""

from __future__ import annotations

from pathlib import Path

from services.metrics.measuring.document import document
from services.metrics.measuring.measure import MEASURES
from shared.contracts.measurement import ABOUT, Metric

ROOT = Path(__file__).resolve().parents[5]


def test_the_document_is_as_the_metrics_declare() -> None:
    """`make measures` writes it again."""
    assert (ROOT / "docs" / "measures.md").read_text(encoding="utf-8") == document()


def test_every_metric_is_declared_and_measured() -> None:
    assert set(ABOUT) == set(MEASURES) == set(Metric) - {Metric.DEFAULT}
    for metric, about in ABOUT.items():
        assert about.what, metric
        assert about.interval, metric
