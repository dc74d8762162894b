"""Dialect D: what the drivers that SDK v3 ships in the channel ``sm_drivers`` make of a job.

Source: sagemaker-train 1.27.0, its ``sm_train.sh`` run. The values travel through a file of ``export
NAME='value'`` lines, unescaped, that bash then reads; what bash makes of odd names and quotes is part of the
contract.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.contract import shell
from harness.contract.hyperparameters import decode, to_driver_argv, to_driver_text
from harness.contract.opt_ml import OptMl
from harness.contract.outcomes import generic_driver_failure
from harness.contract.terms import LONGEST_STRING, Contract, ContractError, EntryKind, JobConfig, Machine

_INFO = 20
_MASTER_ADDR = "algo-1"
_MASTER_PORT = 7777
_INTEGER = re.compile(r"\s*-?(0|[1-9][0-9]*)\s*\Z")
_BASH_SYNTAX_ERROR = 2
_CANNOT_EXECUTE = 126
_TRAINING_ENV_KEYS = (
    "channel_input_dirs",
    "current_host",
    "current_instance_type",
    "hosts",
    "master_addr",
    "master_port",
    "hyperparameters",
    "input_data_config",
    "input_config_dir",
    "input_data_dir",
    "input_dir",
    "job_name",
    "log_level",
    "model_dir",
    "network_interface_name",
    "num_cpus",
    "num_gpus",
    "num_neurons",
    "output_data_dir",
    "resource_config",
)


def script_contract(
    config: JobConfig,
    *,
    environment: Mapping[str, str],
    machine: Machine,
    base_dir: str,
    entry_script: str | None,
) -> Contract:
    """As :func:`harness.contract.environment.script_contract`, dialect D."""
    tree = OptMl(base_dir)
    try:
        files = _files(config)
        hyperparameters = _hyperparameters(files.hyperparameters)
        variables = _sm_variables(files, hyperparameters, environment, machine, tree, entry_script)
        exported = _export(variables)
        kind = _entry_kind(entry_script)
        arguments = _arguments(exported) if kind else []
    except (_DriverError, AttributeError, TypeError) as error:
        # The drivers trust the form of the files just as much, and fail in the same way.
        exit_code = error.exit_code if isinstance(error, _DriverError) else 1
        failure = generic_driver_failure(environment.get("TRAINING_JOB_NAME", ""))
        raise ContractError(str(error), failure=failure, exit_code=exit_code) from None
    return Contract(
        environment={**environment, **exported},
        argv=tuple(arguments),
        command=_command(entry_script, kind, arguments, machine.python),
        cwd=tree.driver_code,
        entry_kind=kind,
    )


class _DriverError(Exception):
    """A step of ``sm_train.sh`` fails: it writes its generic failure text and ends with the step's exit code."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class _Files:
    hyperparameters: Mapping[str, Any]
    input_data_config: Mapping[str, Any]
    resource_config: Mapping[str, Any]


def _files(config: JobConfig) -> _Files:
    if config.hyperparameters is None or config.input_data_config is None or config.resource_config is None:
        raise _DriverError("A file of input/config is missing.")
    files = _Files(config.hyperparameters, config.input_data_config, config.resource_config)
    for key in ("current_host", "current_instance_type", "hosts", "network_interface_name"):
        if key not in files.resource_config:
            raise _DriverError(f"resourceconfig.json has no {key!r}; SDK v3's drivers need it.")
    if files.resource_config["current_host"] not in files.resource_config["hosts"]:
        raise _DriverError(f"{files.resource_config['current_host']!r} is not among the hosts.")
    return files


def _sm_variables(
    files: _Files,
    hyperparameters: Mapping[str, Any],
    environment: Mapping[str, str],
    machine: Machine,
    tree: OptMl,
    entry_script: str | None,
) -> dict[str, Any]:
    """In the order of the drivers' file, which matters where a quote lets one line run into the next."""
    resources = files.resource_config
    hosts = sorted(resources["hosts"])
    variables = {
        "SM_MODEL_DIR": tree.model,
        "SM_INPUT_DIR": tree.input,
        "SM_INPUT_DATA_DIR": tree.input_data,
        "SM_INPUT_CONFIG_DIR": tree.input_config,
        "SM_OUTPUT_DIR": tree.output,
        "SM_OUTPUT_FAILURE": tree.failure,
        "SM_OUTPUT_DATA_DIR": tree.output_data,
        "SM_LOG_LEVEL": _log_level(environment),
        "SM_MASTER_ADDR": _MASTER_ADDR,
        "SM_MASTER_PORT": _MASTER_PORT,
        "SM_SOURCE_DIR": tree.driver_code,
        "SM_ENTRY_SCRIPT": entry_script,
        **{_channel_variable(name): tree.channel(name) for name in files.input_data_config},
        "SM_CHANNELS": list(files.input_data_config),
        **{f"SM_HP_{name.replace('-', '_').upper()}": value for name, value in hyperparameters.items()},
        "SM_HPS": hyperparameters,
        "SM_CURRENT_HOST": resources["current_host"],
        "SM_CURRENT_INSTANCE_TYPE": resources["current_instance_type"],
        "SM_HOSTS": hosts,
        "SM_NETWORK_INTERFACE_NAME": resources["network_interface_name"],
        "SM_HOST_COUNT": len(hosts),
        "SM_CURRENT_HOST_RANK": hosts.index(resources["current_host"]),
        "SM_NUM_CPUS": machine.num_cpus,
        "SM_NUM_GPUS": machine.num_gpus,
        "SM_NUM_NEURONS": machine.num_neurons,
        "SM_RESOURCE_CONFIG": resources,
        "SM_INPUT_DATA_CONFIG": files.input_data_config,
    }
    return {**variables, "SM_TRAINING_ENV": _training_env(variables, files, environment)}


def _training_env(variables: Mapping[str, Any], files: _Files, environment: Mapping[str, str]) -> dict[str, Any]:
    if "TRAINING_JOB_NAME" not in environment:
        raise _DriverError("TRAINING_JOB_NAME is not set; SDK v3's drivers need it.")
    special = {
        "channel_input_dirs": {name: variables[_channel_variable(name)] for name in files.input_data_config},
        "hyperparameters": variables["SM_HPS"],
        "job_name": environment["TRAINING_JOB_NAME"],
    }
    return {key: special[key] if key in special else variables[f"SM_{key.upper()}"] for key in _TRAINING_ENV_KEYS}


def _channel_variable(name: str) -> str:
    return f"SM_CHANNEL_{name.upper()}"


def _export(variables: Mapping[str, Any]) -> dict[str, str]:
    """The variables as the script finds them, after their way through ``sm_training.env`` and bash."""
    text = "".join(f"export {name}='{to_driver_text(value)}'\n" for name, value in variables.items())
    try:
        text.encode()
        exported = shell.exported(text)
    except UnicodeEncodeError as error:
        raise _DriverError(f"sm_training.env cannot be written: {error}") from error
    except shell.UnclosedQuoteError as error:
        message = f"SDK v3's drivers write a single quote unescaped, a shell syntax error. {error}"
        raise ContractError(message, failure=None, exit_code=_BASH_SYNTAX_ERROR) from error
    except shell.NotAnExportError as error:
        raise _DriverError(f"sm_training.env: {error}") from error
    for name, value in exported.items():
        if len(f"{name}={value}".encode()) >= LONGEST_STRING:
            raise _DriverError(f"{name} has more than {LONGEST_STRING} bytes.", exit_code=_CANNOT_EXECUTE)
    return exported


def _hyperparameters(raw: Mapping[str, Any]) -> dict[str, Any]:
    """As the toolkit decodes them, but an integer beyond Python's digit limit is an error here."""
    decoded = decode(raw)
    for name, value in decoded.items():
        if isinstance(value, str) and value == raw[name] and _INTEGER.match(value):
            raise _DriverError(f"Hyperparameter {name!r}: an integer of {len(value)} digits.")
    return decoded


def _arguments(exported: Mapping[str, str]) -> list[str]:
    """The driver reads the hyperparameters back from the variable, whatever bash made of it."""
    try:
        arguments = to_driver_argv(json.loads(exported["SM_HPS"]))
    except ValueError as error:
        raise _DriverError(f"SM_HPS is no JSON any more: {error}") from error
    if any("\0" in argument for argument in arguments):
        raise _DriverError("A hyperparameter contains a NUL.")
    return arguments


def _log_level(environment: Mapping[str, str]) -> str | int:
    level = environment.get("SM_LOG_LEVEL", _INFO)
    try:
        int(level)
    except ValueError as error:
        raise _DriverError(f"SM_LOG_LEVEL: {error}") from error
    return level


def _entry_kind(entry_script: str | None) -> EntryKind | None:
    if entry_script is None:
        return None
    if entry_script.endswith(".py"):
        return EntryKind.SCRIPT
    if entry_script.endswith(".sh"):
        return EntryKind.SHELL
    raise _DriverError(f"Entry script {entry_script!r}: only .py and .sh are supported.")


def _command(entry_script: str | None, kind: EntryKind | None, arguments: list[str], python: str) -> tuple[str, ...]:
    if entry_script is None:
        return ()
    if kind is EntryKind.SHELL:
        line = f"chmod +x {entry_script} && ./{entry_script} {' '.join(map(shlex.quote, arguments))}"
        return ("/bin/sh", "-c", line)
    return (python, entry_script, *arguments)
