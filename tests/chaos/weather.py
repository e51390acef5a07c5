"""What happens to a running suite: each kind of harm in a thread of its own, at moments drawn from a seed.

The moments are told in CPU seconds of the suite: on a machine that does much else, as on one that does
nothing, the processes get as far between two harms, and one that was killed has started before the next one.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import redis

from embedded.processes import REPOSITORY
from embedded.suite import Suite, status

LEASE_SECONDS = 6.0
"""Of an embedded suite (`embedded/processes.py`)."""
FLUSH_SECONDS = 5.0
"""From one time that Redis forgets everything to the next."""
SICK_SECONDS = (4.0, 10.0)
"""How long a disk is full or read-only, and a server away."""
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
"""Debian's libfaketime: other clocks for the processes that it is loaded into."""
DAYS = ("+2d", "-2d", "+0")
S3_SERVER = REPOSITORY / "scripts" / "s3-server.sh"


def pids(suite: Suite, names: tuple[str, ...] = ("",)) -> dict[int, str]:
    """Process → its name, of those whose name begins with one of these."""
    return {
        int(found.group(1)): line.split()[0]
        for line in status(suite.data_dir).splitlines()
        if line.startswith(names) and (found := re.search(r"pid (\d+)", line))
    }


def cpu_seconds(suite: Suite) -> float:
    """Of all the suite's processes so far, those that were killed too: supervisor has seen them end."""
    supervisor = int((suite.data_dir / "supervisord.pid").read_text())
    running = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return sum(_seconds(supervisor, 4)) + sum(sum(_seconds(int(pid), 2)) for pid in running)


def _seconds(pid: int, fields: int) -> list[float]:
    """A process' user and system CPU seconds, and with four `fields` those of its children that ended."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return []
    return [int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in told[11 : 11 + fields]]


@dataclass
class Weather:
    """`tally` counts what was done. Nothing more happens once it is `over`."""

    suite: Suite
    seed: int
    over: threading.Event = field(default_factory=threading.Event)
    tally: Counter[str] = field(default_factory=Counter)

    def wait(self, cpu: float) -> bool:
        """Until the suite has taken so many CPU seconds more; whether it is over by then."""
        if not cpu:
            return self.over.is_set()
        until = cpu_seconds(self.suite) + cpu
        while not self.over.wait(1.0):
            if cpu_seconds(self.suite) >= until:
                return False
        return True


Harm = Callable[[Weather, random.Random], None]


def kill_any(weather: Weather, chance: random.Random) -> None:
    """`kill -9` of one process of the suite, Redis and the source among them; supervisor starts it again."""
    running = pids(weather.suite)
    if running:
        victim = chance.choice(sorted(running))
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            weather.tally[f"kill {running[victim].partition(':')[0]}"] += 1


def stop_beyond_the_lease(weather: Weather, chance: random.Random) -> None:
    """A worker is stopped until others have its job, and goes on then, believing that it still has it."""
    workers = sorted(pid for pid, name in pids(weather.suite).items() if "-worker" in name)
    if workers:
        victim = chance.choice(workers)
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGSTOP)
            weather.over.wait(LEASE_SECONDS * 1.5)
            os.kill(victim, signal.SIGCONT)
            weather.tally["stopped beyond the lease"] += 1


def flush_redis(weather: Weather, chance: random.Random) -> None:
    with suppress(redis.RedisError):
        redis.Redis(port=weather.suite.ports.redis).flushall()
        weather.tally["redis flushed"] += 1
    weather.over.wait(FLUSH_SECONDS)


def fill_disk(weather: Weather, chance: random.Random) -> None:
    """The store's disk, which `own_disk` mounted, has no byte left for a while."""
    rest = weather.suite.data_dir / "objects" / ".full"
    try:
        with rest.open("wb") as file:
            while True:
                file.write(b"\0" * 2**16)
                file.flush()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return  # read-only just now
    weather.over.wait(chance.uniform(*SICK_SECONDS))
    while not _gone(rest):
        weather.over.wait(0.2)
    weather.tally["disk full"] += 1


def _gone(path: Path) -> bool:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def make_read_only(weather: Weather, chance: random.Random) -> None:
    disk = weather.suite.data_dir / "objects"
    if _remount(disk, "ro"):  # refused while a file on it is being written
        weather.over.wait(chance.uniform(*SICK_SECONDS))
        weather.tally["store read-only"] += _remount(disk, "rw")


def _remount(disk: Path, how: str) -> bool:
    return subprocess.run(["mount", "-o", f"remount,{how}", disk], capture_output=True).returncode == 0


def set_clocks(weather: Weather, chance: random.Random) -> None:
    """The clocks of all processes jump two days ahead, two days back, or to the right time."""
    (weather.suite.data_dir / "clock").write_text(chance.choice(DAYS) + "\n")
    weather.tally["clocks set"] += 1


def kill_s3(folder: Path) -> Harm:
    """`kill -9` of the S3 server that runs from this folder; it comes back."""

    def kill(weather: Weather, chance: random.Random) -> None:
        subprocess.run([S3_SERVER, "down", folder], check=True, capture_output=True)
        weather.over.wait(chance.uniform(*SICK_SECONDS))
        with (folder / "restarts.log").open("ab") as log:
            subprocess.run([S3_SERVER, "up", folder, _port(folder)], check=True, stdout=log, stderr=log)
        weather.tally["kill S3 server"] += 1

    return kill


def _port(folder: Path) -> str:
    return (folder / "address").read_text().strip().rpartition(":")[2]


def other_clocks(data_dir: Path) -> dict[str, str]:
    """Variables for the suite's processes so that `set_clocks` moves their clocks. A process' measure of how
    long something takes, and what the disk says of files, stay true, as they do when a clock is set."""
    (data_dir / "clock").write_text("+0\n")
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(data_dir / "clock"),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


@contextmanager
def own_disk(folder: Path, megabytes: int) -> Iterator[None]:
    """A file system of the folder's own; root may make one."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def weather(
    suite: Suite, seed: int, harms: Mapping[Harm, tuple[float, float]], most: int
) -> Iterator[Weather]:
    """Each harm again and again, so many of the suite's CPU seconds (between two bounds) after it was done.
    Kills are `most` at most, so that what was lost can be made again."""
    now = Weather(suite, seed)

    def again(harm: Harm, name: str, pause: tuple[float, float]) -> None:
        chance = random.Random(f"{seed} {name}")
        for _ in range(most) if harm is kill_any else itertools.count():
            if now.wait(chance.uniform(*pause)):
                return
            harm(now, chance)

    threads = [
        threading.Thread(target=again, args=[harm, f"{number}", pause])
        for number, (harm, pause) in enumerate(harms.items())
    ]
    for thread in threads:
        thread.start()
    try:
        yield now
    finally:
        now.over.set()
        for thread in threads:
            thread.join()
