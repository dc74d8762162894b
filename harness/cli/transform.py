"""``harness transform``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import click

from harness import submission
from harness.cli import console
from harness.cli.job import before_paying, finish, left, unserved, uploading, without_waiting
from harness.cli.options import SERVING, TRANSFORM, common, configure, settings
from harness.cli.request import prepare
from harness.errors import UsageError
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
    if document is not None and (job or uri):
        raise UsageError("--request names its model itself; leave out --job and --model-data.")
    progress = console.Quiet()
    with progress, closing(open_target(config)) as target:
        if document is not None:
            made, explain = prepare(config, "TransformJob", document), None
        else:
            data = submission.model_data(config, target, job, uri)
            made = submission.transform_job(config, data)
            before_paying(config, data, made)
            explain = partial(unserved, config, data, made)
        description = submission.submit(made, config, target, progress, uploading=uploading, wait=not no_wait)
    if no_wait:
        left("TransformJob", description, as_json=as_json)
    else:
        told = partial(_explain, description, explain)
        fetched = made.travels.fetched
        finish(config, "TransformJob", description, progress, as_json=as_json, fetched=fetched, explain=told)


def _explain(description: Mapping[str, Any], unserved: Callable[[], object] | None) -> None:
    """Say what of the request most often makes an ``input_fn`` fail, and what there is to say of the model."""
    given, reason = description["TransformInput"].get("ContentType"), description.get("FailureReason", "")
    if "input_fn failed" in reason and given is None:
        click.echo("No --content-type was given, which the container takes for application/json.", err=True)
    elif "input_fn failed" in reason and given == "application/json" and re.search(r": records \d", reason):
        click.echo(
            "Several records went in one request, and a body of application/json is one document: "
            "--strategy SingleRecord sends them one by one.",
            err=True,
        )
    if unserved is not None:
        unserved()
