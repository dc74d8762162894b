"""``harness process``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness import requests
from harness.cli.job import run_job
from harness.cli.options import PROCESSING, common, configure, settings
from harness.cli.request import document_or, job_name


@click.command("process", epilog="Example: harness process --output train=data/train --output test=data/test")
@settings(PROCESSING)
@click.option("--request", "document", metavar="FILE|-", help="A whole CreateProcessingJob document instead.")
@common
def command(document: str | None, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Run a processing job, as SageMaker's SKLearnProcessor would, and show what came out of it."""
    config = configure(config_file, flags)
    request = document_or(
        document, "CreateProcessingJob", lambda: requests.create_processing_job(config, job_name=job_name(config))
    )
    run_job(config, "ProcessingJob", request, as_json=as_json)
