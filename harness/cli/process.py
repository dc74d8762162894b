"""``harness process``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.job import run_job, without_waiting
from harness.cli.options import PROCESSING, common, configure, settings
from harness.cli.request import prepare


@click.command("process", epilog="Example: harness process --output train=data/train --output test=data/test")
@settings(PROCESSING)
@click.option("--request", "document", metavar="FILE|-", help="A whole CreateProcessingJob document instead.")
@without_waiting
@common
def command(document: str | None, no_wait: bool, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Run a processing job, as SageMaker's SKLearnProcessor would, and show what came out of it."""
    config = configure(config_file, flags)
    run_job(config, prepare(config, "ProcessingJob", document), as_json=as_json, no_wait=no_wait)
