"""Images built on this machine, with this machine's own pip settings handed in as build secrets."""

from __future__ import annotations

import contextlib
import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname


@contextlib.contextmanager
def pip_secrets(folder: Path) -> Iterator[dict[str, str]]:
    """The build's variables: a pip.conf and a certificate bundle that let pip inside a build do what pip does
    here. Folders of wheels are served on loopback, where a build on the host's network finds them."""
    settings = _pip_settings()
    servers = [_serve(path) for path in _folders(settings.get("find-links", ""))]
    lines = ["[global]"]
    lines += [f"{name} = {settings[name]}" for name in ("index-url", "timeout") if name in settings]
    if servers:
        links = (f"http://127.0.0.1:{server.server_address[1]}/" for server in servers)
        lines += ["find-links = " + " ".join(links), "trusted-host = 127.0.0.1"]
    variables = {}
    if "cert" in settings:
        lines.append("cert = /run/secrets/ca_bundle")
        variables["CA_BUNDLE"] = settings["cert"]
    configuration = folder / "pip.conf"
    configuration.write_text("\n".join(lines) + "\n")
    try:
        yield variables | {"PIP_CONF": str(configuration), "BUILD_NETWORK": "host"}
    finally:
        for server in servers:
            server.shutdown()


def _pip_settings() -> dict[str, str]:
    """What `pip config` knows, later sources (the environment) over earlier ones."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        found[name.split(".", 1)[1]] = value.strip().strip("'").replace("\\n", " ")
    return found


def _folders(links: str) -> list[Path]:
    found = []
    for link in links.split():
        address = urlsplit(link)
        path = Path(url2pathname(address.path))
        if address.scheme in ("", "file") and path.is_dir():
            found.append(path)
    return found


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


def _serve(folder: Path) -> http.server.ThreadingHTTPServer:
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
