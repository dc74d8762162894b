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
from typing import Any

from harness.contract.hyperparameters import decode, to_driver_argv
from harness.contract.opt_ml import OptMl
from harness.contract.outcomes import generic_driver_failure
from harness.contract.terms import Contract, ContractError, EntryKind, JobConfig, Machine

_INFO = 20
_MASTER_ADDR = "algo-1"
_MASTER_PORT = 7777
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_BASH_SYNTAX_ERROR = 2


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
    hyperparameters = decode(config.hyperparameters)
    variables = _sm_variables(config, hyperparameters, environment, machine, tree, entry_script)
    exported = _export(variables, environment)
    arguments = to_driver_argv(decode(hyperparameters))
    kind = _entry_kind(entry_script, environment)
    return Contract(
        environment={**environment, **exported},
        argv=tuple(arguments),
        command=_command(entry_script, kind, arguments, machine.python),
        cwd=tree.driver_code,
        entry_kind=kind,
    )


def _sm_variables(
    config: JobConfig,
    hyperparameters: Mapping[str, Any],
    environment: Mapping[str, str],
    machine: Machine,
    tree: OptMl,
    entry_script: str | None,
) -> dict[str, str]:
    resources = _required(
        config.resource_config,
        ("current_host", "current_instance_type", "hosts", "network_interface_name"),
        environment,
    )
    job_name = _required(environment, ("TRAINING_JOB_NAME",), environment)["TRAINING_JOB_NAME"]
    hosts = sorted(resources["hosts"])
    if resources["current_host"] not in hosts:
        raise _driver_error(f"{resources['current_host']!r} is not in list", environment)
    channels = {name: tree.channel(name) for name in config.input_data_config}
    source = {"SM_SOURCE_DIR": tree.driver_code, "SM_ENTRY_SCRIPT": entry_script} if entry_script else {}
    values: dict[str, Any] = {
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
        **source,
        **{f"SM_CHANNEL_{name.upper()}": path for name, path in channels.items()},
        "SM_CHANNELS": list(channels),
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
        "SM_RESOURCE_CONFIG": config.resource_config,
        "SM_INPUT_DATA_CONFIG": config.input_data_config,
    }
    values["SM_TRAINING_ENV"] = {
        "channel_input_dirs": {name: values[f"SM_CHANNEL_{name.upper()}"] for name in channels},
        "current_host": resources["current_host"],
        "current_instance_type": resources["current_instance_type"],
        "hosts": hosts,
        "master_addr": _MASTER_ADDR,
        "master_port": _MASTER_PORT,
        "hyperparameters": hyperparameters,
        "input_data_config": config.input_data_config,
        "input_config_dir": tree.input_config,
        "input_data_dir": tree.input_data,
        "input_dir": tree.input,
        "job_name": job_name,
        "log_level": values["SM_LOG_LEVEL"],
        "model_dir": tree.model,
        "network_interface_name": resources["network_interface_name"],
        "num_cpus": machine.num_cpus,
        "num_gpus": machine.num_gpus,
        "num_neurons": machine.num_neurons,
        "output_data_dir": tree.output_data,
        "resource_config": config.resource_config,
    }
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def _export(variables: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """What is in bash's environment after it has read the variables' file.

    A name is split at its blanks: ``export SM_HP_A B='v'`` gives ``B`` the value, and ``SM_HP_A`` none.
    """
    exported = {}
    for name, value in variables.items():
        if "'" in value:
            raise ContractError(
                f"The value of {name} has a single quote: SDK v3's drivers write it unescaped, a shell syntax error.",
                failure=None,
                exit_code=_BASH_SYNTAX_ERROR,
            )
        *strays, last = name.split() if name.split() else [name]
        for word in (*strays, last):
            if not _IDENTIFIER.match(word):
                raise _driver_error(f"{name}: `{word}' is not a valid identifier of bash.", environment)
        exported[last] = value
    return exported


def _log_level(environment: Mapping[str, str]) -> str | int:
    level = environment.get("SM_LOG_LEVEL", _INFO)
    try:
        int(level)
    except ValueError as error:
        raise _driver_error(f"SM_LOG_LEVEL: {error}", environment) from error
    return level


def _entry_kind(entry_script: str | None, environment: Mapping[str, str]) -> EntryKind | None:
    if not entry_script:
        return None
    if entry_script.endswith(".py"):
        return EntryKind.SCRIPT
    if entry_script.endswith(".sh"):
        return EntryKind.SHELL
    raise _driver_error(f"Entry script {entry_script!r}: only .py and .sh are supported.", environment)


def _command(
    entry_script: str | None, kind: EntryKind | None, arguments: list[str], python: str
) -> tuple[str, ...]:
    if not entry_script:
        return ()
    if kind is EntryKind.SHELL:
        line = f"chmod +x {entry_script} && ./{entry_script} {' '.join(map(shlex.quote, arguments))}"
        return ("/bin/sh", "-c", line)
    return (python, entry_script, *arguments)


def _required(
    values: Mapping[str, Any], keys: tuple[str, ...], environment: Mapping[str, str]
) -> Mapping[str, Any]:
    for key in keys:
        if key not in values:
            raise _driver_error(f"{key!r} is missing; SDK v3's drivers need it.", environment)
    return values


def _driver_error(message: str, environment: Mapping[str, str]) -> ContractError:
    return ContractError(message, failure=generic_driver_failure(environment.get("TRAINING_JOB_NAME", "")))
