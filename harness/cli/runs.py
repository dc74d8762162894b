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
from harness.engine.client import stores
from harness.engine.store import LOST, Job
from harness.engine.supervisor import fail
from harness.errors import ServiceError, UsageError
from harness.targets import open_target


@click.group("runs", invoke_without_command=True, epilog="Example: harness runs; harness runs follow JOB")
@common
@click.pass_context
def command(ctx: click.Context, /, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """List jobs and endpoints; show, follow or stop one."""
    ctx.obj = configure(config_file, flags), as_json
    if ctx.invoked_subcommand is None:
        _list(*ctx.obj)


@command.command("list")
@click.pass_obj
def _list_command(settings: tuple[Any, bool]) -> None:
    """List jobs and endpoints, the youngest first."""
    _list(*settings)


@command.command("show", epilog="Example: harness runs show iris-2026-11-23-17-34-46-123")
@click.argument("job")
@click.pass_obj
def _show(settings: tuple[Any, bool], job: str) -> None:
    """Print the description of a job or an endpoint, as AWS's Describe… answers."""
    config, _ = settings
    target = open_target(config)
    console.print_json(jobs.describe(target, _kind(config, job), job))


@command.command("follow", epilog="Example: harness runs follow iris-2026-11-23-17-34-46-123")
@click.argument("job")
@click.pass_obj
def _follow(settings: tuple[Any, bool], job: str) -> None:
    """Print a log as it grows, until the job ends or the endpoint is deleted. Ctrl-C ends the following alone."""
    config, as_json = settings
    target, kind = open_target(config), _kind(config, job)
    progress = console.Progress(as_json=as_json)
    try:
        description = jobs.follow(target, kind, job, progress)
    except ServiceError:
        if kind != "Endpoint":
            raise
        click.echo(f"{job} is gone", err=True)
        return
    finish(kind, description, progress, as_json=as_json)


@command.command("stop", epilog="Example: harness runs stop iris-2026-11-23-17-34-46-123")
@click.argument("job")
@click.pass_obj
def _stop(settings: tuple[Any, bool], job: str) -> None:
    """Ask a job to stop. As on AWS it is killed after the grace period (stop_grace), and its artifacts are kept."""
    config, _ = settings
    kind = _kind(config, job)
    if kind == "Endpoint":
        raise UsageError(f"{job} is an endpoint; `harness delete-endpoint --endpoint-name {job}` ends it.")
    jobs.stop(open_target(config), kind, job)
    click.echo(f"{job} has been asked to stop", err=True)


def _kind(config: Any, name: str) -> str:
    for store in stores(config.runs_dir):
        if name in store.names():
            return store.job(name).kind
    raise UsageError(f"There is no job or endpoint {name} in {config.runs_dir}; `harness runs` lists what there is.")


def _list(config: Any, as_json: bool) -> None:
    found = []
    for store in stores(config.runs_dir):
        store.bury(lambda job: fail(job, LOST))
        found += [store.job(name) for name in store.names()]
    found.sort(key=_created, reverse=True)
    if as_json:
        console.print_json([_summary(job) for job in found])
        return
    if not found:
        click.echo(f"No jobs and no endpoints in {config.runs_dir}.", err=True)
    width = max((len(job.name) for job in found), default=0)
    for job in found:
        summary = _summary(job)
        good = summary["Status"] in {"Completed", "InService"}
        status = console.styled(f"{summary['Status']:<10}", sys.stdout, fg="green" if good else "yellow")
        url = f"  {summary['EndpointUrl']}" if "EndpointUrl" in summary else ""
        click.echo(f"{job.name:<{width}}  {status}  {summary['CreationTime']:%Y-%m-%d %H:%M:%S}  {job.kind}{url}")


def _created(job: Job) -> Any:
    return job.description["CreationTime"]


def _summary(job: Job) -> dict[str, Any]:
    description = job.description
    kind, url = job.kind, description.get("EndpointUrl")
    summary = {"Name": job.name, "Kind": kind, "Status": description[f"{kind}Status"]}
    return {**summary, "CreationTime": description["CreationTime"], **({"EndpointUrl": url} if url else {})}
