"""Dialect T: what ``sagemaker-training`` makes of a job. Source: versions 4.0.1, 4.8.0 and 5.1.4, run.

The order of the steps is the toolkit's, since the first one that fails decides the failure text and the exit
code.
"""

from __future__ import annotations

import errno
import json
import posixpath
from collections.abc import Mapping
from typing import Any

from harness.contract import entry
from harness.contract.hyperparameters import decode, to_argv
from harness.contract.opt_ml import OptMl
from harness.contract.outcomes import framework_error
from harness.contract.terms import LONGEST_STRING, Contract, EntryKind, JobConfig, Machine
from harness.contract.training_env import INFO, training_env_of

#: Keys of the training environment that are no variables of their own.
_ONLY_IN_TRAINING_ENV = (
    "additional_framework_parameters",
    "channel_input_dirs",
    "distribution_hosts",
    "hyperparameters",
    "is_master",
    "is_modelparallel_enabled",
    "is_smddpmprun_installed",
    "is_smddprun_installed",
    "job_name",
    "master_hostname",
    "topology",
)


def script_contract(
    config: JobConfig,
    *,
    environment: Mapping[str, str],
    machine: Machine,
    toolkit_version: str,
    base_dir: str,
    has_setup_py: bool,
) -> Contract:
    """As :func:`harness.contract.environment.script_contract`, dialect T."""
    tree = OptMl(environment.get("SAGEMAKER_BASE_DIR", base_dir))
    _check_incoming_log_level(environment)
    resources = _required(config.resource_config, tree.resource_config_file)
    channels = _required(config.input_data_config, tree.input_data_config_file)
    all_hyperparameters = decode(_required(config.hyperparameters, tree.hyperparameters_file))
    try:
        own_variables = _own_variables(resources, all_hyperparameters, environment, machine)
        training_env = training_env_of(
            resources, channels, all_hyperparameters, environment, machine, tree, toolkit_version
        )
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        # The toolkit trusts the form of these files just as much, and fails in the same way.
        message = f"resourceconfig.json is not of the form that the toolkit needs: {error}"
        raise framework_error(message, type(error).__name__) from error
    _check_output(all_hyperparameters)
    _check_log_level(training_env["log_level"])

    name = training_env["user_entry_point"]
    if entry.is_hardened(toolkit_version) and (not name or isinstance(name, str)):
        entry.check_name(name)
    if not isinstance(name, str):
        raise framework_error(f"The entry point is {name!r}: sagemaker_program names none.", "AttributeError")
    kind = entry.entry_kind(name, has_setup_py)
    _check_launcher(training_env)

    arguments = to_argv(training_env["hyperparameters"])
    command = entry.command(name, kind, arguments, python=machine.python, toolkit_version=toolkit_version)
    variables = {
        **own_variables,
        **_sm_variables(training_env, arguments),
        "PYTHONPATH": ":".join(_python_path(environment.get("PYTHONPATH", ""), tree.code, machine)),
    }
    _check_variables(variables)
    _check_arguments(command)
    return Contract(
        environment={**environment, **variables},
        argv=tuple(arguments) if kind is EntryKind.SHELL else command[len(command) - len(arguments) :],
        command=command,
        cwd=tree.code,
        entry_kind=kind,
    )


def _required(document: Mapping[str, Any] | None, path: str) -> Mapping[str, Any]:
    if document is None:
        message = f"[Errno {errno.ENOENT}] No such file or directory: {path!r}"
        raise framework_error(message, "FileNotFoundError", exit_code=errno.ENOENT)
    return document


def _own_variables(
    resource_config: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    environment: Mapping[str, str],
    machine: Machine,
) -> dict[str, str]:
    """The three variables that the toolkit sets in its own process, and so in the script's."""
    region = hyperparameters.get("sagemaker_region", environment.get("AWS_DEFAULT_REGION", machine.region))
    variables = {
        "SAGEMAKER_JOB_NAME": hyperparameters.get("sagemaker_job_name", ""),
        "CURRENT_HOST": resource_config["current_host"],
        "SAGEMAKER_REGION": region or "",
    }
    for value in variables.values():
        if not isinstance(value, str):
            raise framework_error(f"str expected, not {type(value).__name__}", "TypeError")
    return variables


def _sm_variables(training_env: Mapping[str, Any], arguments: list[str]) -> dict[str, str]:
    values = {name: value for name, value in training_env.items() if name not in _ONLY_IN_TRAINING_ENV}
    values |= {
        "channels": sorted(training_env["channel_input_dirs"]),
        "framework_params": training_env["additional_framework_parameters"],
        "hps": training_env["hyperparameters"],
        "training_env": training_env,
        "user_args": arguments,
    }
    if training_env.get("topology"):
        values["topology"] = training_env["topology"]
    values |= {f"channel_{name}": path for name, path in training_env["channel_input_dirs"].items()}
    values |= {f"hp_{name}": value for name, value in training_env["hyperparameters"].items()}
    return {f"SM_{name.upper()}": _format(value) for name, value in values.items()}


def _format(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _python_path(incoming: str, code: str, machine: Machine) -> list[str]:
    """``sys.path`` of ``train``: the code first, its command's folder, PYTHONPATH, the interpreter's own.

    Relative items are taken from ``/``, the working directory of an image that names none.
    """
    command_folder, *interpreter = machine.pythonpath
    given = [posixpath.normpath(posixpath.join("/", item)) for item in incoming.split(":")] if incoming else []
    path = [command_folder, *dict.fromkeys([*given, *interpreter])]
    return path if code in path else [code, *path]


def _check_launcher(training_env: Mapping[str, Any]) -> None:
    """The framework module of the scikit-learn images starts one plain process; the toolkit alone minds the switch."""
    group = training_env.get("current_instance_group")
    distributed = group in training_env.get("distribution_instance_groups", [None])
    asked = training_env["additional_framework_parameters"].get("sagemaker_mpi_enabled")
    if asked and distributed and not training_env["framework_module"]:
        raise framework_error("sagemaker_mpi_enabled asks for mpirun and sshd, which no scikit-learn image has.")


def _check_incoming_log_level(environment: Mapping[str, str]) -> None:
    text = environment.get("SAGEMAKER_CONTAINER_LOG_LEVEL", str(INFO))
    try:
        int(text)
    except ValueError as error:
        raise framework_error(str(error)) from error


def _check_log_level(level: object) -> None:
    if not isinstance(level, int):
        raise framework_error(f"sagemaker_container_log_level is {level!r}, not an integer.", "TypeError")


def _check_output(hyperparameters: Mapping[str, Any]) -> None:
    location = hyperparameters.get("sagemaker_s3_output")
    scheme, colon, _ = str(location).partition(":")
    if location and not (colon and scheme.lower() in ("s3", "file")):
        raise framework_error(f"Expecting 's3' scheme, got: {location}")


def _check_variables(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        if "=" in name:
            raise framework_error(f"illegal environment variable name: {name!r}")
        _check_bytes(f"{name}={value}")


def _check_arguments(command: tuple[str, ...]) -> None:
    for item in command:
        _check_bytes(item)


def _check_bytes(text: str) -> None:
    """What Linux cannot pass: a NUL, a surrogate that stands for no byte, more than 128 KiB in one piece."""
    if "\0" in text:
        raise framework_error("embedded null byte")
    try:
        size = len(text.encode("utf-8", "surrogateescape")) + 1
    except UnicodeEncodeError as error:
        raise framework_error(str(error), "UnicodeEncodeError") from error
    if size > LONGEST_STRING:
        message = f"[Errno {errno.E2BIG}] Argument list too long: {text[:40]}… has {size} bytes"
        raise framework_error(message, "OSError", exit_code=errno.E2BIG)
