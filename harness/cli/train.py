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
@click.option("--no-lint", is_flag=True, help="On remote: send a script that harness lint finds errors in.")
@without_waiting
@common
def command(
    document: str | None, no_lint: bool, no_wait: bool, config_file: Path | None, as_json: bool, **flags: Any
) -> None:
    """Run a training job and show what came out of it.

    Options are stronger than HARNESS_* variables, those than .env, that than [tool.harness] of pyproject.toml.
    """
    config = configure(config_file, flags)
    prepared = prepare(config, "TrainingJob", document)
    if config.on == "remote" and document is None and not no_lint:
        from harness.cli.lint import before_sending

        before_sending(config)
    run_job(config, prepared, as_json=as_json, no_wait=no_wait)
