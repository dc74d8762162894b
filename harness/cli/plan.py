"""``harness plan``."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from harness.cli import console
from harness.cli.options import TRAINING, common, configure, flags_given, settings
from harness.cli.request import prepare
from harness.config import Config, explain
from harness.errors import UsageError
from harness.source import SourceManifest
from harness.submission import Submission, check
from harness.targets import open_target, uploads

_OF_TRAINING_ALONE = frozenset(
    ("entry_point", "source_dir", "channels", "hyperparameters", "environment", "instance_count", "output_path")
)
"""Settings with an option here that no processing job has."""
_NAMED = 10
"""Files and folders that are told by name; of more it is said how many."""


@click.command("plan", epilog="Example: harness plan --on remote; harness plan --process; harness plan --sources")
@settings(TRAINING)
@click.option("--process", is_flag=True, help="Plan the processing job instead of the training job.")
@click.option("--request", "document", metavar="FILE|-", help="Check this Create… document instead.")
@click.option("--sources", is_flag=True, help="Show where each value of the configuration came from.")
@common
def command(
    process: bool, document: str | None, sources: bool, config_file: Path | None, as_json: bool, **flags: Any
) -> None:
    """Print the request that `harness train` would send, checked against AWS's rules. Nothing is sent or started.

    What is to run on this machine is also refused for what `harness train` would refuse there.
    The request goes to stdout, whole, for --request to take it: credentials among hyperparameters and variables are in
    it, as they are sent; --sources leaves them out. What would be uploaded before it, and where to, goes to stderr,
    and what of the source is left out.
    """
    config = configure(config_file, flags)
    if process:
        without_effect = [flag for key, flag in flags_given(config).items() if key in _OF_TRAINING_ALONE]
        if without_effect:
            raise UsageError(
                f"{', '.join(without_effect)}: for training jobs; a processing job's settings stand in "
                "[tool.harness.process] and in the options of `harness process`."
            )
    if sources:
        rows = list(explain(config))
        if as_json:
            console.print_json({row.key: {"Value": row.value, "Source": str(row.source)} for row in rows})
        else:
            _show(rows)
        return
    prepared = prepare(config, "ProcessingJob" if process else "TrainingJob", document)
    listed = None
    if as_json:  # one document: the request, or what is wrong with it
        listed = check_planned(config, prepared, document)
    console.print_json(prepared.request)
    sys.stdout.flush()
    _show_travels(prepared)
    if not as_json:
        listed = check_planned(config, prepared, document)
    if listed is not None:
        _show_left_out(listed)


def check_planned(config: Config, prepared: Submission, document: str | None = None) -> SourceManifest | None:
    """Refuse what would be refused before anything starts.

    Args:
        document: where the request was given whole, and so has no source here that could be looked at.

    Returns:
        The source.

    Raises:
        HarnessError: why.
    """
    if prepared.kind != "TrainingJob" or config.on == "remote":
        check(config, f"Create{prepared.kind}", prepared.request)
    else:
        with closing(open_target(config)) as target:
            target.client.check_training_job(prepared.request)
    known = prepared.travels.source is not None or document is not None
    return prepared.travels.source if known else uploads.source_of(config, prepared.kind)


def _show_travels(prepared: Submission) -> None:
    """Every upload, and of the source every file: it is what leaves this machine."""
    source = prepared.travels.source
    for each in prepared.travels.uploads:
        click.echo(f"\n{each.what}: {each.files:,} files, {each.size:,} bytes -> {each.uri}", err=True)
        if source is not None and each.uri == prepared.travels.locations.source:
            for file in source.files:
                click.echo(f"  {file.size:>12,}  {file.name}", err=True)
        else:
            click.echo(f"  from {each.path}", err=True)
    for uri, folder in prepared.travels.fetched.items():
        click.echo(f"\n{folder} <- {uri}, when the job has completed", err=True)
    for uri, folder in prepared.travels.checkpoints.items():
        click.echo(f"\n{folder} <- {uri}, when the job has ended", err=True)


def _show_left_out(source: SourceManifest) -> None:
    """What of the source does not travel, in a line for each reason: else it is missed by the job alone."""
    reasons: dict[str, list[str]] = {}
    for each in source.left_out:
        reasons.setdefault(each.why, []).append(each.name)
    if reasons:
        click.echo("\nleft out of the source:", err=True)
    for why, names in sorted(reasons.items()):
        more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
        click.echo(f"  {why}: {', '.join(names[:_NAMED])}{more}", err=True)


def _show(rows: list[Any]) -> None:
    shown = [(row.key, "" if row.value is None else str(row.value), str(row.source)) for row in rows]
    keys, values = (max(len(row[column]) for row in shown) for column in (0, 1))
    for key, value, source in shown:
        line = f"{key:<{keys}}  {value:<{min(values, 48)}}  {source}"
        click.echo(console.styled(line, sys.stdout, dim=source == "default"))
