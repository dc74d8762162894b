"""``harness transform``."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import click

from harness import jobs, requests
from harness.cli import console
from harness.cli.job import finish
from harness.cli.options import SERVING, TRANSFORM, common, configure, settings
from harness.cli.request import document_or, job_name, model_data
from harness.errors import ServiceError
from harness.targets import open_target


@click.command(
    "transform",
    epilog="Example: harness transform --input data/batch --output data/predictions --content-type text/csv "
    "--split-type Line --assemble-with Line --strategy MultiRecord",
)
@click.option("--job", help="Training job whose model to use; the youngest completed one if not given.")
@click.option("--model-data", "uri", metavar="URI", help="model.tar.gz to use instead of a job's.")
@settings((*TRANSFORM, *SERVING))
@click.option("--request", "document", metavar="FILE|-", help="A whole CreateTransformJob document; its model exists.")
@common
def command(
    job: str | None, uri: str | None, document: str | None, config_file: Path | None, as_json: bool, **flags: Any
) -> None:
    """Predict whole files: a batch transform job over a folder, a file or a manifest."""
    config = configure(config_file, flags)
    name = job_name(config)
    progress = console.Quiet()
    with closing(open_target(config)) as target:
        request = document_or(
            document,
            "CreateTransformJob",
            lambda: requests.create_transform_job(config, job_name=name, model_name=name),
        )
        made = document is None
        if made:
            data = model_data(target, job, uri)
            target.client.create_model(**requests.create_model(config, model_name=name, model_data=data))
        try:
            description = jobs.run(target, "TransformJob", request, progress)
        finally:
            if made:
                with suppress(ServiceError):
                    target.client.delete_model(ModelName=name)
    finish("TransformJob", description, progress, as_json=as_json)
