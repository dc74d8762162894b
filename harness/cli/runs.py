"""``harness runs``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from harness import jobs
from harness.cli import console
from harness.cli.job import finish
from harness.cli.options import common, configure
from harness.config import Config
from harness.config.settings import did_you_mean
from harness.engine.client import stores
from harness.engine.settings import EngineSettings
from harness.engine.store import Job, read_json
from harness.engine.supervisor import lose
from harness.errors import ConfigurationError, ServiceError, UsageError
from harness.targets import Target, open_target

_MOST = 20
"""Jobs of a kind that a list of AWS's shows."""
_COLOURS = {"Completed": "green", "InService": "green", "Failed": "red", "Stopped": "red"}


@click.group("runs", invoke_without_command=True, epilog="Example: harness runs; harness runs follow JOB")
@common
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """List jobs and endpoints; show, follow or stop one."""
    ctx.obj = options
    if ctx.invoked_subcommand is None:
        _list(*_settings(ctx, {}))


def _settings(ctx: click.Context, options: Mapping[str, Any]) -> tuple[Config, bool]:
    """The configuration and whether JSON is wanted; options may stand before the verb or after it."""
    flags = {**ctx.obj, **{name: value for name, value in options.items() if value}}
    as_json, config_file = flags.pop("as_json"), flags.pop("config_file")
    return configure(config_file, flags), as_json


@command.command("list", epilog="Example: harness runs list --json")
@common
@click.pass_context
def _list_command(ctx: click.Context, /, **options: Any) -> None:
    """List jobs and endpoints, the youngest first."""
    _list(*_settings(ctx, options))


@command.command("show", epilog="Example: harness runs show iris-2026-11-23-17-34-46-123-5f0c")
@click.argument("job", required=False)
@common
@click.pass_context
def _show(ctx: click.Context, /, job: str | None, **options: Any) -> None:
    """Print the description of a job or an endpoint.

    It is what AWS's Describe… answers. Without JOB it is the youngest's.
    """
    config, _ = _settings(ctx, options)
    job = job or _youngest(config)
    target = open_target(config)
    console.print_json(jobs.describe(target, _kind(config, target, job), job))


@command.command("follow", epilog="Example: harness runs follow iris-2026-11-23-17-34-46-123-5f0c")
@click.argument("job", required=False)
@common
@click.pass_context
def _follow(ctx: click.Context, /, job: str | None, **options: Any) -> None:
    """Print a log as it grows.

    That ends with the job, or when the endpoint is deleted; Ctrl-C ends the following alone. Without JOB it is the
    youngest's.
    """
    config, as_json = _settings(ctx, options)
    job = job or _youngest(config)
    target = open_target(config)
    kind = _kind(config, target, job)
    progress = console.Progress(as_json=as_json)
    try:
        with progress:
            description = jobs.follow(target, kind, job, progress)
    except ServiceError:
        if kind != "Endpoint":
            raise
        click.echo(f"{job} is gone", err=True)
        if as_json:
            console.print_json({"EndpointName": job})
        return
    finish(config, kind, description, progress, as_json=as_json, fetched=_fetched(config, target, kind, description))


def _fetched(config: Config, target: Target, kind: str, description: Mapping[str, Any]) -> Mapping[str, Path]:
    """What the command that has sent a job would have fetched, had it waited; where it is now."""
    if config.on != "remote" or kind == "Endpoint":
        return {}
    from harness.targets import uploads

    results = uploads.results(config, kind, description)
    for uri, folder in results.checkpoints.items():
        # An old job may be followed again, when later ones have gone on from what it left.
        ended = description.get("TrainingEndTime", description["LastModifiedTime"])
        if uploads.youngest(folder) > ended.timestamp():
            click.echo(
                f"{folder} has files younger than this job, and stays as it is; what it left is at {uri}", err=True
            )
            results = results._replace(checkpoints={})
    uploads.fetch(results, target.storage, completed=description[f"{kind}Status"] == "Completed")
    return results.fetched


@command.command("stop", epilog="Example: harness runs stop iris-2026-11-23-17-34-46-123-5f0c")
@click.argument("job", required=False)
@common
@click.pass_context
def _stop(ctx: click.Context, /, job: str | None, **options: Any) -> None:
    """Ask a job to stop. As on AWS it is killed after the grace period (stop_grace), and its artifacts are kept.

    Without JOB it is the one that runs on this machine, if there is one and no other.
    """
    config, as_json = _settings(ctx, options)
    job = job or _only_one_that_runs(config)
    target = open_target(config)
    kind = _kind(config, target, job)
    if kind == "Endpoint":
        raise UsageError(f"{job} is an endpoint; `harness delete-endpoint --endpoint-name {job}` ends it.")
    jobs.stop(target, kind, job)
    click.echo(f"{job} has been asked to stop", err=True)
    if as_json:
        console.print_json(jobs.describe(target, kind, job))


def _youngest(config: Config) -> str:
    found = _found(config)
    if not found:
        raise UsageError(_nothing(config))
    return str(found[0]["Name"])


def _only_one_that_runs(config: Config) -> str:
    if config.on == "remote":
        raise UsageError("What runs on AWS may be a colleague's: name the job; `harness runs --on remote` lists them.")
    running = [str(each["Name"]) for each in _found(config) if each["Status"] == "InProgress"]
    if len(running) != 1:
        there_are = f"{len(running)} jobs run; name the one to stop: {', '.join(running)}." if running else ""
        raise UsageError(there_are or f"No job runs in {config.runs_dir}.")
    return running[0]


def _kind(config: Config, target: Target, name: str) -> str:
    if config.on == "remote":
        kind = jobs.kind_of(target, name)
        if kind is None:
            raise UsageError(
                f"There is no job or endpoint {name} on AWS in this region; see `harness runs --on remote`."
            )
        return kind
    known = {job: store for store in stores(config.runs_dir) for job in store.names()}
    if name in known:
        return known[name].job(name).kind
    hint = did_you_mean(name, list(known))
    raise UsageError(
        f"There is no job or endpoint {name} in {config.runs_dir}.{hint} `harness runs` lists what there is."
    )


def _list(config: Config, as_json: bool) -> None:
    found = _found(config)
    if as_json:
        console.print_json(found)
        return
    if not found:
        click.echo(_nothing(config), err=True)
    width = max((len(each["Name"]) for each in found), default=0)
    for summary in found:
        colour = _COLOURS.get(summary["Status"], "yellow")
        status = console.styled(f"{summary['Status']:<10}", sys.stdout, fg=colour)
        url = f"  {summary['EndpointUrl']}" if "EndpointUrl" in summary else ""
        created = f"{summary['CreationTime']:%Y-%m-%d %H:%M:%S}"
        what = f"{summary['Kind']:<13}  {summary['Target']}"
        click.echo(f"{summary['Name']:<{width}}  {status}  {created}  {what}{url}")


def _found(config: Config) -> list[dict[str, Any]]:
    """Summaries, the youngest first."""
    if config.on == "remote":
        return [{**each, "Target": "remote"} for each in jobs.summaries(open_target(config), _MOST)]
    return sorted(_here(config), key=lambda each: each["CreationTime"], reverse=True)


def _nothing(config: Config) -> str:
    where = "on AWS in this region" if config.on == "remote" else f"in {config.runs_dir}"
    return f"No jobs and no endpoints {where}."


def _here(config: Config) -> Iterator[dict[str, Any]]:
    for store in stores(config.runs_dir):
        store.bury(lose)
        for name in store.names():
            try:
                yield _summary(store.job(name))
            except ConfigurationError as broken:  # keeps nobody from the others
                console.complain(broken, as_json=False)


def _summary(job: Job) -> dict[str, Any]:
    description = job.description
    kind, url = job.kind, description.get("EndpointUrl")
    summary = {"Name": job.name, "Kind": kind, "Status": description[f"{kind}Status"], "Target": _target(job)}
    return {**summary, "CreationTime": description["CreationTime"], **({"EndpointUrl": url} if url else {})}


def _target(job: Job) -> str:
    """Where a job of this machine's run folders ran; one that ran elsewhere has no settings of this machine."""
    try:
        settings = read_json(job.path / "settings.json")
    except FileNotFoundError:
        return "remote"
    if settings["runners"] != EngineSettings.runners:
        return "localmode"
    return {"processes": "local", "containers": "container"}[settings["launcher"]]
