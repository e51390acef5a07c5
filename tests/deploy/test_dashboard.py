"""The dashboard asks for metrics that somebody keeps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import redis
from prometheus_client import Counter, Gauge, Histogram

from services.gateway.exporting import SuiteMetrics
from shared import telemetry
from shared.jobs.records import JobRecords
from shared.store.local import LocalStore
from tests.deploy.manifests import K8S

DASHBOARD = json.loads((K8S / "components" / "monitoring" / "gamut.json").read_text())


def kept(redis_url: str, folder: Path) -> set[str]:
    """The series of every metric of ours, with the suffixes that Prometheus gives them."""
    suite = SuiteMetrics(redis.Redis.from_url(redis_url), JobRecords(LocalStore(folder)))
    own = [m for m in vars(telemetry).values() if isinstance(m, Counter | Histogram | Gauge)]
    names = set()
    for families in (suite.collect(), *(metric.describe() for metric in own)):
        for family in families:
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(
                family.type, [""]
            )
            names |= {family.name + suffix for suffix in suffixes}
    return names


def test_every_series_of_ours_is_kept(redis_url: str, tmp_path: Path) -> None:
    asked = {
        name
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bgamut_\w+", target["expr"])
    }
    assert asked
    assert asked <= kept(redis_url, tmp_path)


def test_panels_say_what_they_show_and_do_not_overlap() -> None:
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        assert panel["description"]
        place = panel["gridPos"]
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in own) < 24
        assert not own & cells
        cells |= own
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_operators_page_explains_every_metric(redis_url: str, tmp_path: Path) -> None:
    """Each metric has a row in docs/operations.md; and no row is of a metric that is gone."""
    page = (K8S.parent / "docs" / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `(gamut_\w+)` \| ([^|]*) \|", page, flags=re.MULTILINE))
    suffixes = r"_(bucket|sum|count|created)$"
    assert set(rows) == {re.sub(suffixes, "", name) for name in kept(redis_url, tmp_path)}
