"""How diverse is a dataset, and how far from another?

python examples/scripts/measure.py DATASET [REFERENCE]
"""

from __future__ import annotations

import json
import sys
from typing import Any

from session import answered, connect, made  # isort: skip  # first: it finds the client

from gamut_gateway.api.artifacts import get_artifact
from gamut_gateway.api.jobs import create_measurement
from gamut_gateway.models import MeasurementRequest
from gamut_gateway.types import UNSET


def main(dataset: str, reference: str | None = None) -> dict[str, Any]:
    """The measurement's values. Its part `values.json` says of each how it was estimated."""
    client = connect()
    request = MeasurementRequest(dataset=dataset, reference=reference or UNSET)
    measurement = made(client, answered(create_measurement.sync(client=client, body=request)), "measurement")
    manifest = answered(get_artifact.sync(measurement, client=client))
    return dict(manifest.summary.to_dict())


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:3]), indent=1))
