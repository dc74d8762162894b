"""``harness transform``."""

from __future__ import annotations

from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import click

from harness import jobs, requests
from harness.cli import console
from harness.cli.job import finish, left, without_waiting
from harness.cli.options import SERVING, TRANSFORM, common, configure, settings
from harness.cli.request import Prepared, job_name, model_data, read
from harness.errors import ServiceError
from harness.targets import Target, open_target, uploads


@click.command(
    "transform",
    epilog="Example: harness transform --input data/batch --output data/predictions --content-type text/csv "
    "--split-type Line --assemble-with Line --strategy MultiRecord",
)
@click.option("--job", help="Training job whose model to use; the youngest completed one if not given.")
@click.option("--model-data", "uri", metavar="URI", help="model.tar.gz to use instead of a job's.")
@settings((*TRANSFORM, *SERVING))
@click.option("--request", "document", metavar="FILE|-", help="A whole CreateTransformJob document; its model exists.")
@without_waiting
@common
def command(
    job: str | None,
    uri: str | None,
    document: str | None,
    no_wait: bool,
    config_file: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Predict whole files: a batch transform job over a folder, a file or a manifest."""
    config = configure(config_file, flags)
    name = job_name(config)
    progress = console.Quiet()
    with closing(open_target(config)) as target, ExitStack() as after:
        if document is not None:
            prepared = Prepared("TransformJob", read(document, "CreateTransformJob"))
            prepared.send(config, target)
        else:
            data = model_data(target, job, uri)
            travels = uploads.plan(config, "TransformJob", name, model_data=data)
            at = travels.locations
            request = requests.create_transform_job(config, job_name=name, model_name=name, locations=at)
            prepared = Prepared("TransformJob", request, travels)
            prepared.send(config, target)
            target.client.create_model(**requests.create_model(config, model_name=name, model_data=data, locations=at))
            after.callback(_forget_model, target, name)
        description = jobs.run(target, "TransformJob", prepared.request, progress, wait=not no_wait)
        if no_wait:
            after.pop_all()  # the job still needs its model
        else:
            prepared.fetch(target, description["TransformJobStatus"])
    if no_wait:
        left("TransformJob", description, as_json=as_json)
    else:
        finish("TransformJob", description, progress, as_json=as_json)


def _forget_model(target: Target, name: str) -> None:
    with suppress(ServiceError):
        target.client.delete_model(ModelName=name)
