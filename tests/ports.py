"""Ports for servers that tests start, several test processes side by side."""

from __future__ import annotations

import random
import socket

BELOW_OUTGOING = range(20_000, 32_000)
"""The kernel gives outgoing connections ports from 32,768 up: one of those can be taken between now and the
start of the server that it was found for."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, drawn so that two who ask at once get different ones."""
    for port in random.SystemRandom().sample(BELOW_OUTGOING, 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise RuntimeError(f"a hundred ports of {BELOW_OUTGOING} were tried, and each is taken")
