"""A Kubernetes API server as far as TrainJobs go: what it is asked and answers, and pods that really run.

Status codes and bodies follow the API conventions: 201 created, 409 AlreadyExists, 404 NotFound, 401 without
the account's token; a job's `status.conditions` become Complete or Failed when its command has ended.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PATH = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/studies/trainjobs"
ROOT = Path(__file__).parents[3]


class Cluster:
    """TrainJobs by name; `runs` says whether submitted ones are run, or only kept."""

    def __init__(self, token: str) -> None:
        self.token, self.runs = token, True
        self.jobs: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self._pods: dict[str, subprocess.Popen[bytes]] = {}

    def create(self, job: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name = job["metadata"]["name"]
        if name in self.jobs:
            return 409, {"kind": "Status", "reason": "AlreadyExists", "message": f"{name} already exists"}
        self.jobs[name] = job
        if self.runs:
            launcher, *arguments = job["spec"]["trainer"]["command"]
            assert launcher == "torchrun"
            self._pods[name] = subprocess.Popen([sys.executable, *arguments], cwd=ROOT)
        return 201, job

    def get(self, name: str) -> tuple[int, dict[str, Any]]:
        if name not in self.jobs:
            return 404, {"kind": "Status", "reason": "NotFound", "message": f"{name} not found"}
        status = self._pods[name].poll() if name in self._pods else None
        if status is not None:
            self.end(name, "Complete" if status == 0 else "Failed")
        return 200, self.jobs[name]

    def end(self, name: str, how: str) -> None:
        self.jobs[name]["status"] = {"conditions": [{"type": how, "status": "True"}]}

    def delete(self, name: str) -> tuple[int, dict[str, Any]]:
        if pod := self._pods.pop(name, None):
            pod.kill()
            pod.wait()
        return (200, {}) if self.jobs.pop(name, None) else (404, {"reason": "NotFound"})

    def close(self) -> None:
        for name in list(self._pods):
            self.delete(name)


def _handler(cluster: Cluster) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer("POST", lambda: cluster.create(body))

        def do_GET(self) -> None:
            self._answer("GET", lambda: cluster.get(self._name()))

        def do_DELETE(self) -> None:
            self._answer("DELETE", lambda: cluster.delete(self._name()))

        def _name(self) -> str:
            return self.path.partition("?")[0].removeprefix(PATH + "/")

        def _answer(self, method: str, act: Any) -> None:
            if self.headers.get("Authorization") != f"Bearer {cluster.token}":
                code, body = 401, {"kind": "Status", "message": "Unauthorized"}
            elif not self.path.startswith(PATH):
                code, body = 404, {"kind": "Status", "message": "no such path"}
            else:
                cluster.asked.append(method)
                code, body = act()
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            return

    return Handler


@contextmanager
def serving(cluster: Cluster) -> Iterator[str]:
    """The address of the cluster's API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(cluster))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        cluster.close()
