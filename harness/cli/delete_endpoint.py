"""``harness delete-endpoint``."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from harness import jobs
from harness.cli import console
from harness.cli.options import common, configure
from harness.errors import UsageError
from harness.targets import open_target


@click.command("delete-endpoint", epilog="Example: harness delete-endpoint iris")
@click.argument("name", required=False)
@click.option("--endpoint-name", help="The same as NAME.")
@common
def command(name: str | None, endpoint_name: str | None, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """End an endpoint, and forget its configuration and its model."""
    if (name is None) == (endpoint_name is None):
        raise UsageError("Name one endpoint: harness delete-endpoint NAME. `harness runs` lists them.")
    endpoint_name = name or endpoint_name or ""
    config = configure(config_file, flags)
    with closing(open_target(config)) as target:
        jobs.delete_endpoint(target, endpoint_name)
    if as_json:
        console.print_json({"EndpointName": endpoint_name})
    else:
        click.echo(f"{endpoint_name} is gone", err=True)
