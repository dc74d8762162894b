"""``harness invoke``."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import click

from harness.cli.options import common, configure
from harness.errors import ModelError, UsageError
from harness.targets import open_target


@click.command("invoke", epilog="Example: harness invoke --endpoint-name iris --content-type text/csv rows.csv")
@click.argument("body", type=click.File("rb"), default="-", metavar="[FILE|-]")
@click.option("--endpoint-name", required=True, help="Endpoint to ask.")
@click.option("--content-type", help="What the body is; the container's default is application/json.")
@click.option("--accept", help="What the answer should be; the container's default is application/json.")
@common
def command(
    body: BinaryIO,
    endpoint_name: str,
    content_type: str | None,
    accept: str | None,
    config_file: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Send a file or stdin to an endpoint and write the body of the answer to stdout."""
    config = configure(config_file, flags)
    asked = {"ContentType": content_type, "Accept": accept}
    with closing(open_target(config)) as target:
        try:
            answer = target.runtime.invoke_endpoint(
                EndpointName=endpoint_name,
                Body=body.read() if config.on == "remote" else body,  # boto3 wants its length, and to read it twice
                **{name: value for name, value in asked.items() if value is not None},
            )
        except ModelError as error:
            if content_type is None and "input_fn failed" in error.message:
                error.message += ". No --content-type was given, which the container takes for application/json"
            raise
    content = answer["Body"].read()
    if as_json:
        from harness.cli.console import print_json

        try:
            text = content.decode()
        except UnicodeDecodeError:
            kind = answer["ContentType"]
            raise UsageError(f"The answer ({kind}) is no text; leave out --json to have it as it is.") from None
        print_json({**{name: value for name, value in answer.items() if name != "ResponseMetadata"}, "Body": text})
        return
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
