"""For tests of services, here and of yours: jobs without a broker, on real parts.

bench      a project's jobs in this process: submitted, run and read back
by_hand    one handler at a time, without a job runner: what it raises reaches the test
datasets   datasets and uploads, as ingestion leaves them

Records, leases, artifacts and the runner are those of production, on a store in a folder and a real server of
Redis' protocol; a list stands in for the broker's wire. Nothing here is imported by a service.
"""

from shared.testing.bench import Bench
from shared.testing.by_hand import HandlerBench
from shared.testing.datasets import put_dataset, put_upload

__all__ = ["Bench", "HandlerBench", "put_dataset", "put_upload"]
