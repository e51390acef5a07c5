"""The dashboard asks for metrics that somebody keeps."""

from __future__ import annotations

import json
import re

from prometheus_client import Counter, Gauge, Histogram

from shared import telemetry
from tests.deploy.manifests import K8S

DASHBOARD = json.loads((K8S / "components" / "monitoring" / "gamut.json").read_text())


def kept() -> set[str]:
    """The series of every metric of `shared.telemetry`, with the suffixes that Prometheus gives them."""
    names = set()
    for metric in vars(telemetry).values():
        if not isinstance(metric, Counter | Histogram | Gauge):
            continue
        for family in metric.describe():
            suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(
                family.type, [""]
            )
            names |= {family.name + suffix for suffix in suffixes}
    return names


def test_every_series_of_ours_is_kept() -> None:
    asked = {
        name
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bgamut_\w+", target["expr"])
    }
    assert asked
    assert asked <= kept()


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
