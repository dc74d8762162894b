"""``harness contract``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from harness.cli import console
from harness.cli.options import SEEN, common, configure, pairs, settings
from harness.config import Config
from harness.config.schema import SETTINGS
from harness.config.settings import did_you_mean, flag_of
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
from harness.engine.store import Document, Job
from harness.errors import ConfigurationError, JobFailed, UsageError

_FILES = {
    "hyperparameters": "hyperparameters.json",
    "input_data_config": "inputdataconfig.json",
    "resource_config": "resourceconfig.json",
}


@click.command(
    "contract",
    epilog="Examples: harness contract; harness contract --hyperparameter max_depth=3 --json; "
    "harness contract --job iris-2026-11-23-17-34-46-123-5f0c; harness contract config/",
)
@click.argument("config_dir", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--job", help="Training job that has run, or runs: any that has a run folder.")
@click.option("--host", default="algo-1", show_default=True, help="Which of the job's hosts.")
@click.option("--dialect", type=click.Choice([each.value for each in Dialect]), default=Dialect.TOOLKIT.value)
@click.option(
    "--toolkit-version",
    type=click.Choice(TOOLKIT_VERSIONS),
    help=f"Of sagemaker-training. The image's if not given, with CONFIG_DIR {DEFAULT_TOOLKIT_VERSION}.",
)
@click.option("--base-dir", default="/opt/ml", show_default=True, help="Where the host sees its tree.")
@settings(SEEN)
@common
def command(
    config_dir: Path | None,
    job: str | None,
    host: str,
    dialect: str,
    toolkit_version: str | None,
    base_dir: str,
    config_file: Path | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Print what the script sees in the job that `harness train` would run; nothing is run.

    With --job it is a job that has a run folder. With CONFIG_DIR it is one with these config files
    (`/opt/ml/input/config`): hyperparameters.json, inputdataconfig.json and resourceconfig.json; what the container has
    beside, the image's ENV and the request's Environment, is then given as --environment.
    """
    if config_dir is not None and job is not None:
        raise UsageError("Give a folder with config files, or --job: one of them, or neither.")
    try:
        if config_dir is not None:
            given = _environment_alone(flags, "CONFIG_DIR")
            contract = _of_files(config_dir, given, Dialect(dialect), toolkit_version, base_dir)
        else:
            from harness.engine import recorded

            _check_dialect(dialect)
            if job is not None:
                given = _environment_alone(flags, "--job")
                tell = partial(recorded.contract, _recorded(job, config_file), environment=given)
            else:
                tell = partial(recorded.of_request, *_configured(configure(config_file, flags)), environment={})
            contract = tell(host=host, version=toolkit_version, base_dir=base_dir)
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


def _environment_alone(flags: Mapping[str, Any], told_from: str) -> dict[str, str]:
    """What is given of the environment, where the rest of a job stands written already.

    Raises:
        UsageError: another setting is given.
    """
    for key, value in flags.items():
        if key != "environment" and value not in (None, ()):
            flag = flag_of(key, SETTINGS[key])
            raise UsageError(f"{flag} has no effect with {told_from}, which tells all of a job but --environment.")
    return pairs("--environment", flags["environment"])


def _check_dialect(dialect: str) -> None:
    if dialect != Dialect.TOOLKIT:
        raise UsageError("What SDK v3's drivers see (--dialect v3) is told from a folder of config files: CONFIG_DIR.")


def _configured(config: Config) -> tuple[Document, Document]:
    """The request for the job of a configuration, and its first description.

    Raises:
        HarnessError: it makes no request, or one that is refused.
    """
    from harness import submission
    from harness.cli.plan import check_planned
    from harness.engine import training
    from harness.engine.settings import EngineSettings

    prepared = submission.job(config, "TrainingJob")
    check_planned(config, prepared)
    engine = EngineSettings(region=config.region) if config.region else EngineSettings()
    return prepared.request, training.describe_new(prepared.request, engine)


def _recorded(name: str, config_file: Path | None) -> Job:
    from harness.engine.client import stores

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
