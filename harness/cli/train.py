"""``harness train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness import jobs
from harness.cli import console
from harness.cli.options import TRAINING, common, configure, settings
from harness.cli.request import training_request
from harness.targets import open_target


@click.command(
    "train",
    epilog="Example: harness train --on local --channel train=data/train --hyperparameter max_leaf_nodes=30",
)
@settings(TRAINING)
@click.option("--request", "document", metavar="FILE|-", help="A whole CreateTrainingJob document instead.")
@common
def command(document: str | None, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Run a training job and show what came out of it.

    Options are stronger than HARNESS_* variables, those than .env, that than [tool.harness] of pyproject.toml.
    """
    config = configure(config_file, flags)
    request = training_request(config, document)
    target = open_target(config)
    try:
        description = jobs.run(target, "TrainingJob", request, console.Progress(as_json=as_json))
    finally:
        target.close()
    console.show_job("TrainingJob", description, as_json=as_json)
    failure = jobs.failure("TrainingJob", description)
    if failure is not None:
        console.complain(failure, as_json=False)
        sys.exit(failure.exit_code)
