"""How services call each other: every request over a connection of its own.

A server closes a connection after an error that nobody expected, and after some idle seconds. Of a connection
that is kept, a caller learns that only from its next request, which then fails though the service is well.
"""

from __future__ import annotations

import httpx

UNKEPT = httpx.Limits(max_keepalive_connections=0)
"""For `httpx.Client(limits=…)`. A request takes milliseconds at least, a connection a fraction of one."""
