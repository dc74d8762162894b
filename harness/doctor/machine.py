"""What every target needs: room for run folders, a free port if it is named; and what killed runs have left."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from harness.config import Config
from harness.doctor.checks import Check, Status
from harness.engine.client import stores
from harness.engine.root import obstacle
from harness.engine.store import ENDED, Store
from harness.errors import HarnessError

AREA = "machine"
_MIB = 1 << 20
LITTLE, TOO_LITTLE = 1024 * _MIB, 50 * _MIB
"""Free bytes below which an artifact may not fit, and below which a job can hardly be begun."""


def look(config: Config) -> Iterator[Check]:
    """Look at the folder of run folders, whether it exists yet or not."""
    if found := obstacle(config.runs_dir, writing=True):
        remedy = "set runs_dir in [tool.harness], or HARNESS_RUNS_DIR"
        yield Check(AREA, "run folders", Status.MISSING, found, remedy)
        return
    folder = next(each for each in (config.runs_dir.absolute(), *config.runs_dir.absolute().parents) if each.exists())
    yield disk(shutil.disk_usage(folder).free, config.runs_dir)
    yield lost_jobs([name for store in stores(config.runs_dir) for name in lost(store)])
    if config.deploy.port:
        yield port(config.deploy.port)


def disk(free: int, folder: Path) -> Check:
    """Whether there is room, in bytes."""
    finding = f"{free / 1024**3:,.1f} GiB free for {folder}"
    remedy = "harness clean --runs --cache removes ended jobs and what is kept between jobs"
    if free < TOO_LITTLE:
        return Check(AREA, "disk", Status.MISSING, f"{free // _MIB} MiB free for {folder}: jobs cannot start", remedy)
    if free < LITTLE:
        return Check(AREA, "disk", Status.WARN, f"{finding}: artifacts may not fit", remedy)
    return Check(AREA, "disk", Status.OK, finding)


def port(number: int) -> Check:
    """Whether an endpoint can have the port that it is to have."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that has just been closed is free
        try:
            tried.bind(("127.0.0.1", number))
        except (OSError, OverflowError) as error:
            finding = f"an endpoint cannot have port {number}: {getattr(error, 'strerror', None) or error}"
            remedy = "another port in [tool.harness.deploy], or none for a free one; harness runs lists endpoints"
            return Check(AREA, "port", Status.WARN, finding, remedy)
    return Check(AREA, "port", Status.OK, f"{number} is free for an endpoint")


def lost(store: Store) -> Iterator[str]:
    """Jobs that have not ended and that nobody runs."""
    for name in store.names():
        job = store.job(name)
        # A description that cannot be read, or that is gone by now, is of no lost job.
        with suppress(HarnessError, OSError, ValueError, KeyError, TypeError, StopIteration):
            if job.status not in ENDED and not job.held():
                yield name


def lost_jobs(names: Sequence[str]) -> Check:
    """What to do about jobs that have lost their process."""
    if not names:
        return Check(AREA, "leftovers", Status.OK, "no job has lost its process")
    shown = ", ".join(sorted(names)[:3]) + (", …" if len(names) > 3 else "")
    return Check(AREA, "leftovers", Status.WARN, f"{len(names)} lost their process: {shown}", "harness clean")
