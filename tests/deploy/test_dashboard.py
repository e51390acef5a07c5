"""The dashboard asks for metrics that somebody keeps."""

from __future__ import annotations

import json
import re
from pathlib import Path

import promql_parser
import redis
import yaml
from prometheus_client import Counter, Gauge, Histogram

from services.gateway.exporting import SuiteMetrics
from shared import telemetry
from shared.jobs.records import JobRecords
from shared.store.local import LocalStore
from tests.deploy.manifests import K8S

ALERTS = yaml.safe_load((K8S / "components" / "monitoring" / "alerts.yaml").read_text())
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


def test_every_alert_asks_for_series_that_are_kept_and_says_what_to_do(
    redis_url: str, tmp_path: Path
) -> None:
    known = kept(redis_url, tmp_path)
    rules = [rule for group in ALERTS["spec"]["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert set(re.findall(r"\bgamut_\w+", rule["expr"])) <= known, rule["alert"]
        promql_parser.parse(rule["expr"])
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert ":" in rule["annotations"]["summary"], "what it is: what to do"


def test_the_dashboard_shows_every_metric_of_the_suite(redis_url: str, tmp_path: Path) -> None:
    asked = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    families = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in kept(redis_url, tmp_path)}
    shown = {family for family in families if re.search(rf"\b{family}(_bucket|_total)?\b", asked)}
    assert {name for name in families - shown if not name.endswith("_created")} == set()


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
