"""``harness clean``."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from harness.cli import console
from harness.cli.options import common, configure
from harness.engine.client import stores
from harness.engine.store import ENDED
from harness.engine.supervisor import lose
from harness.errors import MissingCapability


@click.command("clean", epilog="Example: harness clean --runs")
@click.option("--runs", is_flag=True, help="Remove the folders of jobs that have ended, artifacts included.")
@click.option("--cache", is_flag=True, help="Remove what is kept between jobs: environments, downloads.")
@common
def command(runs: bool, cache: bool, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Remove what killed jobs left behind; with options, also what is only kept for convenience."""
    config = configure(config_file, flags)
    buried, removed = [], []
    for store in stores(config.runs_dir):
        buried += store.bury(lose)
        ended = [name for name in store.names() if runs and store.job(name).status in ENDED]
        for name in ended:
            shutil.rmtree(store.job(name).path)
        removed += ended
    if cache:
        shutil.rmtree(config.project_dir / ".harness" / "cache", ignore_errors=True)
    containers = _remove_containers()
    if as_json:
        console.print_json({"Lost": buried, "Removed": removed, "Containers": containers, "Cache": cache})
        return
    for name in buried:
        click.echo(f"{name}: had lost its process, now Failed", err=True)
    for name in containers:
        click.echo(f"{name}: removed from the Docker engine", err=True)
    click.echo(f"{len(buried)} lost, {len(removed)} removed", err=True)


def _remove_containers() -> list[str]:
    """Containers and networks of jobs that nobody runs; none where there is no engine to hold any."""
    from harness.engine.leftovers import remove_leftovers
    from harness.images.engine import engine

    try:
        with engine() as client:
            return remove_leftovers(client)
    except MissingCapability:
        return []
