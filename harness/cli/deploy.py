"""``harness deploy``."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from harness import jobs, requests
from harness.cli import console
from harness.cli.job import finish
from harness.cli.options import DEPLOYING, SERVING, common, configure, settings
from harness.cli.request import Prepared, fresh_name, model_data
from harness.targets import open_target, uploads


@click.command("deploy", epilog="Example: harness deploy --on local --job iris-2026-11-23-17-34-46-123 --port 8080")
@click.option("--job", help="Training job whose model to serve; the youngest completed one if not given.")
@click.option("--model-data", "uri", metavar="URI", help="model.tar.gz to serve instead of a job's.")
@settings((*DEPLOYING, *SERVING))
@common
def command(job: str | None, uri: str | None, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Serve a model at an endpoint; returns when it is in service. The endpoint lives on until `delete-endpoint`."""
    config = configure(config_file, flags)
    name = config.deploy.endpoint_name or fresh_name(config)
    progress = console.Quiet()
    with closing(open_target(config)) as target:
        data = model_data(target, job, uri)
        travels = uploads.plan(config, "Endpoint", name, model_data=data)
        model = requests.create_model(config, model_name=name, model_data=data, locations=travels.locations)
        Prepared("Model", model, travels).send(config, target)
        serving = model["PrimaryContainer"]
        click.echo(
            f"{name}: model {console.readable(data)}, script {serving['Environment']['SAGEMAKER_PROGRAM']}", err=True
        )
        description = jobs.deploy(
            target,
            model,
            requests.create_endpoint_config(config, endpoint_config_name=name, model_name=name),
            requests.create_endpoint(config, endpoint_name=name, endpoint_config_name=name),
            progress,
        )
    finish("Endpoint", description, progress, as_json=as_json)
