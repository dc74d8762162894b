"""``harness deploy``."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import click

from harness import submission
from harness.cli import body_type, console
from harness.cli.job import before_paying, finish, unserved, uploading
from harness.cli.options import DEPLOYING, SERVING, common, configure, flags_given, settings
from harness.targets import open_target


@click.command("deploy", epilog="Example: harness deploy --job iris-2026-11-23-17-34-46-123-5f0c --port 8080")
@click.option("--job", help="Training job whose model to serve; the youngest completed one if not given.")
@click.option("--model-data", "uri", metavar="URI", help="model.tar.gz to serve instead of a job's.")
@settings((*DEPLOYING, *SERVING))
@common
def command(job: str | None, uri: str | None, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Serve a model at an endpoint; returns when it is in service. The endpoint lives on until `delete-endpoint`."""
    config = configure(config_file, flags)
    progress = console.Quiet()
    with closing(open_target(config)) as target:
        data = submission.model_data(config, target, job, uri)
        made = submission.endpoint(config, data)
        script = made.model["PrimaryContainer"]["Environment"]["SAGEMAKER_PROGRAM"]
        click.echo(f"{made.name}: model {console.readable(data)}, script {script}", err=True)
        before_paying(config, data, made)
        description = submission.submit(made, config, target, progress, uploading=uploading)
    explain = partial(unserved, config, data, made)
    finish(config, "Endpoint", description, progress, as_json=as_json, explain=explain)
    if not as_json:
        on = f" --on {config.on}" if "on" in flags_given(config) else ""
        asked = f"--content-type {body_type.of(config)} FILE"
        click.echo(f"  ask it  harness invoke --endpoint-name {made.name} {asked}{on}", err=True)
        click.echo(f"  end it  harness delete-endpoint {made.name}{on}", err=True)
