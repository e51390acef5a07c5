"""`reversal`: a dataset with its rows in the opposite order."""

from __future__ import annotations

from tests.unit.documents.toys import Toy

REQUEST = '''"""Rows in the opposite order."""

from __future__ import annotations

from typing import ClassVar

from shared.contracts.base import ArtifactId, ArtifactKind, JobRequest, Queue
from shared.contracts.datasets import DatasetSummary


class ReversalRequest(JobRequest):
    """Turn a dataset round: the last row first."""

    operation: ClassVar[str] = "reverse"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.DATASET
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[DatasetSummary]] = DatasetSummary

    dataset: ArtifactId

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset}
'''

HANDLER = '''"""Operation `reverse`."""

from __future__ import annotations

from shared.contracts.datasets import DatasetSummary
from shared.contracts.reversal import ReversalRequest
from shared.datasets import ROWS, dataset_kind
from shared.jobs.workspace import Workspace


def make_reversal(request: ReversalRequest, workspace: Workspace) -> DatasetSummary:
    dataset = workspace.input(request.dataset)
    rows = workspace.output.put_rows(ROWS, list(dataset.rows())[::-1])
    workspace.progress(rows, rows, "rows")
    return DatasetSummary(kind=dataset_kind(dataset.manifest), rows=rows)
'''

PROGRAM = """
import sys
from pathlib import Path

from fastapi.testclient import TestClient

from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from services.metrics.operations.handlers import handlers
from services.metrics.settings import MetricsSettings
from shared.testing import Bench

folder, redis_url = Path(sys.argv[1]), sys.argv[2]
bench = Bench(folder, redis_url, handlers(MetricsSettings()), project="default")
dataset = bench.dataset([{"text": text} for text in ("one", "two", "three")])
settings = GatewaySettings(redis_url=redis_url, data_dir=folder, public_url="http://gateway.test")
with TestClient(create_app(settings, bench.platform(settings)), base_url="http://gateway.test") as client:
    job = client.post("/v1/reversals", json={"dataset": dataset}).json()
    bench.drain()
    ended = client.get(f"/v1/jobs/{job['id']}").json()
    rows = client.get(f"/v1/datasets/{ended['artifact']}/rows").json()["rows"]
print(ended["state"], *(row["text"] for row in rows))
"""

REVERSAL = Toy(
    checklist="Add an operation",
    name="reversal",
    service="metrics",
    new={
        "shared/contracts/reversal.py": REQUEST,
        "services/metrics/operations/reversal.py": HANDLER,
    },
    added={
        "shared/contracts/operations.py": (
            ("from shared.contracts.trace import", "from shared.contracts.reversal import ReversalRequest\n"),
            ("    TraceRequest,\n", "    ReversalRequest,\n"),
        ),
        "services/metrics/operations/handlers.py": (
            (
                "from services.metrics.operations.running import",
                "from services.metrics.operations.reversal import make_reversal\n",
            ),
            ("from shared.contracts.trace import", "from shared.contracts.reversal import ReversalRequest\n"),
            ("        TraceRequest: ", "        ReversalRequest: make_reversal,\n"),
        ),
        "services/gateway/routes/submissions.py": (
            ('    "trace": (', '    "reverse": ("reversals", "reversal"),\n'),
        ),
    },
    program=PROGRAM,
    said="succeeded three two one",
)
