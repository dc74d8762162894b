"""``harness contract``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from harness.cli import console
from harness.cli.options import config_option, configure, pairs
from harness.config.settings import did_you_mean
from harness.contract.environment import (
    DEFAULT_TOOLKIT_VERSION,
    TOOLKIT_VERSIONS,
    Contract,
    ContractError,
    Dialect,
    JobConfig,
    Machine,
    script_contract,
)
from harness.engine.store import Job
from harness.errors import ConfigurationError, JobFailed, UsageError

_FILES = {
    "hyperparameters": "hyperparameters.json",
    "input_data_config": "inputdataconfig.json",
    "resource_config": "resourceconfig.json",
}


@click.command(
    "contract",
    epilog="Examples: harness contract --job iris-2026-11-23-17-34-46-123-5f0c --json; harness contract config/ --json",
)
@click.argument("config_dir", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--job", help="Training job to take the files from, instead of CONFIG_DIR: any that has a run folder.")
@click.option("--host", default="algo-1", show_default=True, help="With --job: which of its hosts.")
@click.option("--dialect", type=click.Choice([each.value for each in Dialect]), default=Dialect.TOOLKIT.value)
@click.option(
    "--toolkit-version",
    type=click.Choice(TOOLKIT_VERSIONS),
    help=f"Of sagemaker-training. With --job the image's if not given, else {DEFAULT_TOOLKIT_VERSION}.",
)
@click.option("--base-dir", default="/opt/ml", show_default=True, help="Where the host sees its tree.")
@click.option(
    "--environment",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the container has before: the image's ENV, the request's Environment. With --job that is known.",
)
@config_option
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    config_dir: Path | None,
    job: str | None,
    host: str,
    dialect: str,
    toolkit_version: str | None,
    base_dir: str,
    environment: tuple[str, ...],
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Print what a script would see in a job with the config files of CONFIG_DIR (`/opt/ml/input/config`).

    The three files are hyperparameters.json, inputdataconfig.json and resourceconfig.json. With --job they are made
    anew from runs/JOB/request.json, and the image, the platform and the request give the environment. Nothing is run.
    """
    if (config_dir is None) == (job is None):
        raise UsageError("Give a folder with config files, or --job: one of them.")
    given = pairs("--environment", environment)
    try:
        if config_dir is not None:
            contract = _of_files(config_dir, given, Dialect(dialect), toolkit_version, base_dir)
        else:
            assert job is not None
            recorded_job = _recorded(job, config_file, dialect)
            from harness.engine import recorded

            contract = recorded.contract(
                recorded_job, host=host, environment=given, version=toolkit_version, base_dir=base_dir
            )
    except ContractError as error:
        raise JobFailed(f"The toolkit would fail before the script starts: {error.message}") from None
    document = contract.to_json()
    if as_json:
        console.print_json(document)
        return
    for name, value in sorted(contract.environment.items()):
        click.echo(f"{console.styled(name, sys.stdout, bold=True)}={value}")
    click.echo(f"\ncwd      {contract.cwd}\ncommand  {list(contract.command)}\nargv     {list(contract.argv)}")


def _of_files(
    folder: Path, given: dict[str, str], dialect: Dialect, toolkit_version: str | None, base_dir: str
) -> Contract:
    return script_contract(
        JobConfig(**{name: _read(folder / file) for name, file in _FILES.items()}),
        environment=given,
        machine=Machine(num_cpus=os.cpu_count() or 1),
        dialect=dialect,
        toolkit_version=toolkit_version or DEFAULT_TOOLKIT_VERSION,
        base_dir=base_dir,
        has_setup_py=(folder.parent.parent / "code" / "setup.py").is_file(),
        entry_script=given.get("SM_ENTRY_SCRIPT"),
    )


def _recorded(name: str, config_file: Path | None, dialect: str) -> Job:
    from harness.engine.client import stores

    if dialect != Dialect.TOOLKIT:
        raise UsageError(
            "--job is for dialect toolkit; what SDK v3's drivers see is told from a folder of config files."
        )
    config = configure(config_file, {})
    jobs, _ = stores(config.runs_dir)
    known = list(jobs.names())
    if name not in known:
        hint = did_you_mean(name, known)
        raise UsageError(f"There is no job {name} in {config.runs_dir}.{hint} `harness runs` lists what there is.")
    return jobs.job(name)


def _read(file: Path) -> dict[str, Any]:
    import json

    try:
        document = json.loads(file.read_text("utf-8"))
    except OSError as error:
        hint = ""
        if (file.parent / "request.json").is_file():
            hint = f" {file.parent} is a run folder: harness contract --job {file.parent.absolute().name}"
        raise ConfigurationError(f"{file}: {error.strerror}.{hint}") from None
    except ValueError as error:
        raise ConfigurationError(f"{file} is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{file} does not hold a JSON object.")
    return document
