"""What every verb that runs a job does: submit, follow, show, and exit with what the job's status means."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from harness import jobs
from harness.cli import console
from harness.config import Config
from harness.errors import JobFailed
from harness.storage import Progress, is_s3
from harness.submission import Submission, submit
from harness.targets import open_target

without_waiting = click.option("--no-wait", is_flag=True, help="Return once the job is accepted; it goes on by itself.")


def run_job(
    config: Config,
    submission: Submission,
    *,
    as_json: bool,
    no_wait: bool = False,
    explain: Callable[[str], object] | None = None,
) -> None:
    """Run a job on the configured target, from its request to the exit status.

    ``explain`` is called with its name if it fails.
    """
    progress = console.Progress(as_json=as_json)
    with closing(open_target(config)) as target:
        description = submit(submission, config, target, progress, uploading=uploading, wait=not no_wait)
    if no_wait:
        left(submission.kind, description, as_json=as_json)
    else:
        fetched = submission.travels.fetched
        told = partial(explain, description[f"{submission.kind}Name"]) if explain else None
        finish(config, submission.kind, description, progress, as_json=as_json, fetched=fetched, explain=told)


def uploading(what: str) -> Progress:
    """What people are shown of an upload."""
    from harness.cli.uploading import Uploading

    return Uploading(what)


def left(kind: str, description: Mapping[str, Any], *, as_json: bool) -> None:
    """Name a job that goes on by itself."""
    if as_json:
        console.print_json(description)
    else:
        click.echo(description[f"{kind}Name"])


def finish(
    config: Config,
    kind: str,
    description: Mapping[str, Any],
    progress: console.Progress,
    *,
    as_json: bool,
    fetched: Mapping[str, Path] = MappingProxyType({}),
    explain: Callable[[], object] | None = None,
) -> None:
    """Show what came out; exit with an error's code unless it is what was wanted.

    Args:
        config: the job's.
        kind: ``TrainingJob``, …
        description: of the ended job.
        progress: has been told how it went.
        as_json: show the description.
        fetched: URI of an output -> the folder that it is copied to once the job has completed.
        explain: called if the job has failed.
    """
    failure = jobs.failure(kind, description)
    progress.end(failed=isinstance(failure, JobFailed))
    copies = _kept(config, kind, description) if failure else {**_kept(config, kind, description), **fetched}
    console.show(kind, description, as_json=as_json, copies=copies)
    if failure is not None:
        console.complain(failure, as_json=False)
        if isinstance(failure, JobFailed):
            if config.on != "remote" or "AWS_ENDPOINT_URL" in os.environ:  # a stand-in's jobs run on this machine
                _explain(config, kind, description[f"{kind}Name"])
            if explain is not None:
                explain()
        sys.exit(failure.exit_code)


def _explain(config: Config, kind: str, name: str) -> None:
    """Say what this machine lacks, if the log tells that it is the reason."""
    from harness.cli import missing  # a job that does not fail shall not pay for it

    if told := missing.explanation(config, log_of(config, kind, name)):
        click.echo(told, err=True)


def log_of(config: Config, kind: str, name: str) -> Path:
    """The log of a job of this machine; it need not exist."""
    from harness.engine.client import stores

    at_work, endpoints = stores(config.runs_dir)
    return (endpoints if kind == "Endpoint" else at_work).job(name).log


def _kept(config: Config, kind: str, description: Mapping[str, Any]) -> dict[str, Path]:
    """The model that a job has delivered to S3, and the folder of this machine that holds it too."""
    folder = config.runs_dir / description[f"{kind}Name"] / "output"
    model = description.get("ModelArtifacts", {}).get("S3ModelArtifacts", "")
    return {model: folder} if is_s3(model) and folder.is_dir() else {}


def unserved(config: Config, data: str, submission: Submission) -> None:
    """Say why a model may not be served: what it was trained with, and what `harness lint` knows of its script."""
    from harness.cli.unserved import explain  # a model that is served shall not pay for it

    explain(config, data, submission)


def before_paying(config: Config, data: str, submission: Submission) -> None:
    """Say of a model for AWS that it may not load there; elsewhere it is soon seen whether it does."""
    if config.on == "remote":
        from harness.cli import drift

        if told := drift.told(config, data, submission):
            click.echo(told, err=True)
