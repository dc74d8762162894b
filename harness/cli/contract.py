"""``harness contract``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from harness.cli import console
from harness.cli.options import pairs
from harness.contract.environment import (
    DEFAULT_TOOLKIT_VERSION,
    TOOLKIT_VERSIONS,
    ContractError,
    Dialect,
    JobConfig,
    Machine,
    script_contract,
)
from harness.errors import ConfigurationError, JobFailed

_FILES = {
    "hyperparameters": "hyperparameters.json",
    "input_data_config": "inputdataconfig.json",
    "resource_config": "resourceconfig.json",
}


@click.command("contract", epilog="Example: harness contract runs/J/hosts/algo-1/input/config --json")
@click.argument("config_dir", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--dialect", type=click.Choice([each.value for each in Dialect]), default=Dialect.TOOLKIT.value)
@click.option("--toolkit-version", type=click.Choice(TOOLKIT_VERSIONS), default=DEFAULT_TOOLKIT_VERSION)
@click.option("--base-dir", default="/opt/ml", show_default=True, help="Where the host sees its tree.")
@click.option(
    "--environment",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the container has before: the image's ENV, the request's Environment.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    config_dir: Path, dialect: str, toolkit_version: str, base_dir: str, environment: tuple[str, ...], as_json: bool
) -> None:
    """Print what a script would see in a job with the config files of CONFIG_DIR (`/opt/ml/input/config`).

    The three files are hyperparameters.json, inputdataconfig.json and resourceconfig.json. Nothing is run.
    """
    given = pairs("--environment", environment)
    code = config_dir.parent.parent / "code"
    try:
        contract = script_contract(
            JobConfig(**{name: _read(config_dir / file) for name, file in _FILES.items()}),
            environment=given,
            machine=Machine(num_cpus=os.cpu_count() or 1),
            dialect=Dialect(dialect),
            toolkit_version=toolkit_version,
            base_dir=base_dir,
            has_setup_py=(code / "setup.py").is_file(),
            entry_script=given.get("SM_ENTRY_SCRIPT"),
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


def _read(file: Path) -> dict[str, Any]:
    import json

    try:
        document = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigurationError(f"{file} is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{file} does not hold a JSON object.")
    return document
