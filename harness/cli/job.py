"""What every verb that runs a job does: submit, follow, show, and exit with what the job's status means."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from harness import jobs
from harness.cli import console
from harness.config import Config
from harness.errors import JobFailed
from harness.targets import open_target


def run_job(config: Config, kind: str, request: Mapping[str, Any], *, as_json: bool) -> None:
    """Run a job on the configured target, from its request to the exit status."""
    progress = console.Progress(as_json=as_json)
    with closing(open_target(config)) as target:
        description = jobs.run(target, kind, request, progress)
    finish(kind, description, progress, as_json=as_json)


def finish(kind: str, description: Mapping[str, Any], progress: console.Progress, *, as_json: bool) -> None:
    """Show what came out; exit with an error's code unless it is what was wanted."""
    failure = jobs.failure(kind, description)
    progress.end(failed=isinstance(failure, JobFailed))
    console.show(kind, description, as_json=as_json)
    if failure is not None:
        console.complain(failure, as_json=False)
        sys.exit(failure.exit_code)
