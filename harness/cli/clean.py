"""``harness clean``."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness import jobs
from harness.cli import console
from harness.cli.options import common, configure
from harness.engine.client import stores
from harness.engine.store import ENDED, Job
from harness.engine.supervisor import lose
from harness.errors import ConfigurationError, HarnessError, MissingCapability, UsageError
from harness.standin.scratch import sweep
from harness.targets import Target, open_target

_SHOWN = 20
"""Run folders that are named before the question; of more only the number is told."""


@click.command("clean", epilog="Example: harness clean --runs --yes")
@click.option("--stop", is_flag=True, help="First end, at once, every job and endpoint that runs on this machine.")
@click.option("--runs", is_flag=True, help="Remove the folders of jobs that have ended, artifacts included.")
@click.option("--yes", is_flag=True, help="Remove them unasked; needed where nobody sits at a terminal.")
@click.option("--cache", is_flag=True, help="Remove what is kept between jobs: environments, downloads.")
@common
def command(
    stop: bool, runs: bool, yes: bool, cache: bool, config_file: Path | None, as_json: bool, **flags: Any
) -> None:
    """Remove what killed jobs left behind; with options, also what is only kept for convenience.

    `--runs` shows what would go, and asks. What still runs is never removed, unless `--stop` has ended it.
    """
    config = configure(config_file, flags)
    buried = [name for store in stores(config.runs_dir) for name in store.bury(lose)]
    target = open_target(replace(config, on="local"))  # whichever has started what there is, it ends alike
    stopped = _stop(target) if stop else []
    forgotten = target.client.forget_unused()
    containers = _remove_containers()  # first: they may still write to run folders, and what they wrote is root's
    temporary = [str(folder) for folder in sweep()]
    removed = _remove_runs(config.runs_dir, yes=yes) if runs else []
    if cache:
        shutil.rmtree(config.cache, ignore_errors=True)
    if as_json:
        told = {"Lost": buried, "Stopped": stopped, "Forgotten": forgotten, "Removed": removed}
        console.print_json({**told, "Containers": containers, "Temporary": temporary, "Cache": cache})
        return
    for name in buried:
        click.echo(f"{name}: had lost its process, now Failed", err=True)
    for name in stopped:
        click.echo(f"{name}: stopped", err=True)
    for name in forgotten:
        click.echo(f"{name}: what a killed command had made for it is forgotten", err=True)
    for name in containers:
        click.echo(f"{name}: removed from the Docker engine", err=True)
    for name in temporary:
        click.echo(f"{name}: removed; a killed parity or stand-in had left it", err=True)
    if removed:
        click.echo(f"{len(removed)} run folder{'s' * (len(removed) > 1)} removed", err=True)
    if cache:
        click.echo("what was kept between jobs is removed", err=True)
    elif not (buried or stopped or forgotten or containers or temporary or removed):
        click.echo("there was nothing to clean up", err=True)


def _stop(target: Target) -> list[str]:
    """End what runs; the names of what is ended now. Nothing of a job is delivered, and its folder stays."""
    stopped = []
    for running in (target.client.jobs, target.client.endpoints):
        for job in map(running.store.job, sorted(running.store.names())):
            if not job.held():
                continue
            if job.kind == "Endpoint":
                jobs.delete_endpoint(target, job.name)
            elif running.stop(job.name, at_once=True):
                job.wait_for_end()
            stopped.append(job.name)
    return stopped


def _remove_runs(runs_dir: Path, *, yes: bool) -> list[str]:
    """Show what has ended, ask, and remove it; the names of what was removed.

    Raises:
        UsageError: nobody can be asked.
        HarnessError: see ``_remove``.
    """
    ended = [job for store in stores(runs_dir) for job in map(store.job, sorted(store.names())) if _has_ended(job)]
    if not ended:
        return []
    sizes = [_size(job.path) for job in ended]
    total = f"{len(ended)} run folder{'s' if len(ended) > 1 else ''}, {_readable_size(sum(sizes))}"
    _preview(ended, sizes, total)
    if not yes:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(f"{total}: nothing was removed. Say --yes to remove them, artifacts included.")
        if not click.confirm("Remove them, artifacts included?", err=True):
            return []
    removed = []
    for job in ended:
        if _has_ended(job):  # it may have gone, or begun anew, while somebody was thinking
            _remove(job.path)
            removed.append(job.name)
    return removed


def _remove(folder: Path) -> None:
    """Remove a run folder.

    Raises:
        HarnessError: somebody else's files are in it.
    """
    try:
        shutil.rmtree(folder)
    except PermissionError:
        raise HarnessError(
            f"{folder} holds files that this user may not remove, as a container may have left them. "
            f"`sudo chown -R $USER {shlex.quote(str(folder))}` gives them to you."
        ) from None


def _has_ended(job: Job) -> bool:
    try:
        return job.status in ENDED and not job.held()
    except (FileNotFoundError, ConfigurationError):  # it has just gone, or cannot tell
        return False


def _preview(jobs: Sequence[Job], sizes: Iterable[int], total: str) -> None:
    width = max(len(job.name) for job in jobs[:_SHOWN])
    for job, size in list(zip(jobs, sizes, strict=True))[:_SHOWN]:
        click.echo(f"  {job.name:<{width}}  {job.status:<9}  {_readable_size(size):>9}", err=True)
    if len(jobs) > _SHOWN:
        click.echo(f"  … and {len(jobs) - _SHOWN} more", err=True)
    click.echo(f"{total}, in {console.readable(jobs[0].path.parent.absolute().as_uri())}", err=True)


def _readable_size(size: int) -> str:
    """Bytes as people read them: ``3.4 MB``."""
    number, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 1000:
            break
        number, unit = number / 1000, larger
    return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"


def _size(folder: Path) -> int:
    """Bytes of all files below a folder; links are not followed."""
    return sum(
        file.lstat().st_size
        for parent, _, names in os.walk(folder)
        for file in (Path(parent, name) for name in names)
        if os.path.lexists(file)
    )


def _remove_containers() -> list[str]:
    """Containers and networks of jobs that nobody runs; none where there is no engine to hold any."""
    from harness.engine.leftovers import remove_leftovers
    from harness.images.engine import engine

    try:
        with engine() as client:
            return remove_leftovers(client)
    except MissingCapability:
        return []
