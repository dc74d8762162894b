"""``harness train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.job import run_job, without_waiting
from harness.cli.options import TRAINING, common, configure, settings
from harness.cli.request import prepare


@click.command(
    "train",
    epilog="Example: harness train --on local --channel train=data/train --hyperparameter max_leaf_nodes=30",
)
@settings(TRAINING)
@click.option("--request", "document", metavar="FILE|-", help="A whole CreateTrainingJob document instead.")
@without_waiting
@common
def command(document: str | None, no_wait: bool, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Run a training job and show what came out of it.

    Options are stronger than HARNESS_* variables, those than .env, that than [tool.harness] of pyproject.toml.
    """
    config = configure(config_file, flags)
    run_job(config, prepare(config, "TrainingJob", document), as_json=as_json, no_wait=no_wait)
