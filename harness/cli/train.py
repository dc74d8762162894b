"""``harness train``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from harness.cli.job import log_of, run_job, without_waiting
from harness.cli.options import COMPARED, TRAINING, common, configure, settings, typed_again
from harness.cli.request import prepare
from harness.config import Config
from harness.errors import UsageError

_PASSPORT = "parity-passport.json"


@click.command(
    "train",
    epilog="Example: harness train --on local --channel train=data/train --hyperparameter max_leaf_nodes=30",
)
@settings(TRAINING)
@click.option("--request", "document", metavar="FILE|-", help="A whole CreateTrainingJob document instead.")
@click.option("--no-lint", is_flag=True, help="On remote: send a script that harness lint finds errors in.")
@click.option(
    "--require-passport",
    "passport",
    is_flag=False,
    flag_value=_PASSPORT,
    metavar="[FILE]",
    help=f"Only if harness parity has agreed on this source, request and image; {_PASSPORT} if no file is given.",
)
@without_waiting
@common
def command(
    document: str | None,
    no_lint: bool,
    passport: str | None,
    no_wait: bool,
    config_file: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Run a training job and show what came out of it.

    Options are stronger than HARNESS_* variables, those than .env, that than [tool.harness] of pyproject.toml.
    """
    config = configure(config_file, flags)
    prepared = prepare(config, "TrainingJob", document)
    if passport is not None:
        if document is not None:
            raise UsageError(
                "--request names its source by a URI, which no passport can be held against; leave out one of "
                "--request and --require-passport."
            )
        file = ["--config", str(config_file)] if config_file else []
        _require(passport, config, [*file, *typed_again(config, flags, COMPARED)])
    looked_at = config.on == "remote" and document is None and not no_lint
    if looked_at:
        from harness.cli.lint import before_sending

        before_sending(config)
    explain = None if looked_at or document is not None else partial(_explain, config)
    run_job(config, prepared, as_json=as_json, no_wait=no_wait, explain=explain)


def _explain(config: Config, name: str) -> None:
    from harness.cli.lint import after_failing  # a job that does not fail shall not pay for it
    from harness.cli.missing import missing_module

    after_failing(config, missing_module(log_of(config, "TrainingJob", name)))


def _require(passport: str, config: Config, options: Sequence[str]) -> None:
    from harness.parity.passport import require

    default = Path(os.path.relpath(config.project_dir / _PASSPORT))
    require(default if passport == _PASSPORT else Path(passport), config, options)
