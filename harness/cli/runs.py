"""``harness runs``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness import jobs
from harness.cli import console
from harness.cli.job import finish
from harness.cli.options import common, configure
from harness.engine.store import LOST, Job, Store
from harness.engine.supervisor import fail
from harness.errors import UsageError
from harness.targets import open_target


@click.group("runs", invoke_without_command=True, epilog="Example: harness runs; harness runs follow JOB")
@common
@click.pass_context
def command(ctx: click.Context, /, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """List jobs; show, follow or stop one."""
    ctx.obj = configure(config_file, flags), as_json
    if ctx.invoked_subcommand is None:
        _list(*ctx.obj)


@command.command("list")
@click.pass_obj
def _list_command(settings: tuple[Any, bool]) -> None:
    """List jobs, the youngest first."""
    _list(*settings)


@command.command("show", epilog="Example: harness runs show iris-2026-11-23-17-34-46-123")
@click.argument("job")
@click.pass_obj
def _show(settings: tuple[Any, bool], job: str) -> None:
    """Print a job's description, as AWS's Describe… answers."""
    config, _ = settings
    target = open_target(config)
    console.print_json(jobs.describe(target, _kind(config, job), job))


@command.command("follow", epilog="Example: harness runs follow iris-2026-11-23-17-34-46-123")
@click.argument("job")
@click.pass_obj
def _follow(settings: tuple[Any, bool], job: str) -> None:
    """Print a job's log as it grows, until the job ends. Ctrl-C ends the following, not the job."""
    config, as_json = settings
    target, kind = open_target(config), _kind(config, job)
    description = jobs.follow(target, kind, job, console.Progress(as_json=as_json))
    finish(kind, description, as_json=as_json)


@command.command("stop", epilog="Example: harness runs stop iris-2026-11-23-17-34-46-123")
@click.argument("job")
@click.pass_obj
def _stop(settings: tuple[Any, bool], job: str) -> None:
    """Ask a job to stop. As on AWS it is killed after the grace period (stop_grace), and its artifacts are kept."""
    config, _ = settings
    jobs.stop(open_target(config), _kind(config, job), job)
    click.echo(f"{job} has been asked to stop", err=True)


def _kind(config: Any, name: str) -> str:
    job = Store(config.runs_dir).job(name)
    if not (job.path / "describe.json").is_file():
        raise UsageError(f"There is no job {name} in {config.runs_dir}; `harness runs` lists what there is.")
    return job.kind


def _list(config: Any, as_json: bool) -> None:
    store = Store(config.runs_dir)
    store.bury(lambda job: fail(job, LOST))
    found = sorted((store.job(name) for name in store.names()), key=_created, reverse=True)
    if as_json:
        console.print_json([_summary(job) for job in found])
        return
    if not found:
        click.echo(f"No jobs in {config.runs_dir}.", err=True)
    width = max((len(job.name) for job in found), default=0)
    for job in found:
        summary = _summary(job)
        good = summary["Status"] == "Completed"
        status = console.styled(f"{summary['Status']:<10}", sys.stdout, fg="green" if good else "yellow")
        click.echo(f"{job.name:<{width}}  {status}  {summary['CreationTime']:%Y-%m-%d %H:%M:%S}  {job.kind}")


def _created(job: Job) -> Any:
    return job.description["CreationTime"]


def _summary(job: Job) -> dict[str, Any]:
    description = job.description
    return {"Name": job.name, "Kind": job.kind, "Status": job.status, "CreationTime": description["CreationTime"]}
