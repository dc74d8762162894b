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
from harness.contract.hyperparameters import decode, framework_parameters, to_argv, user_hyperparameters
from harness.contract.opt_ml import HOMOGENEOUS_GROUP, OptMl
from harness.contract.outcomes import framework_failure
from harness.contract.terms import LONGEST_STRING, Contract, ContractError, EntryKind, JobConfig, Machine

_INFO = 20
_DISTRIBUTION_SWITCHES = (
    "sagemaker_mpi_enabled",
    "sagemaker_parameter_server_enabled",
    "sagemaker_distributed_dataparallel_enabled",
    "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_torch_distributed_enabled",
)
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
        training_env = _training_env(
            resources, channels, all_hyperparameters, environment, machine, tree, toolkit_version
        )
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        # The toolkit trusts the form of these files just as much, and fails in the same way.
        message = f"resourceconfig.json is not of the form that the toolkit needs: {error}"
        raise _framework_error(message, type(error).__name__) from error
    _check_output(all_hyperparameters)
    _check_log_level(training_env["log_level"])

    name = training_env["user_entry_point"]
    if entry.is_hardened(toolkit_version) and (not name or isinstance(name, str)):
        entry.check_name(name)
    if not isinstance(name, str):
        raise _framework_error(f"The entry point is {name!r}: sagemaker_program names none.", "AttributeError")
    kind = entry.entry_kind(name, has_setup_py)

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
        raise _framework_error(message, "FileNotFoundError", exit_code=errno.ENOENT)
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
            raise _framework_error(f"str expected, not {type(value).__name__}", "TypeError")
    return variables


def _training_env(
    resources: Mapping[str, Any],
    channels: Mapping[str, Any],
    all_hyperparameters: Mapping[str, Any],
    environment: Mapping[str, str],
    machine: Machine,
    tree: OptMl,
    toolkit_version: str,
) -> dict[str, Any]:
    """The object of ``SM_TRAINING_ENV``, complete for this version of the toolkit."""
    framework = framework_parameters(all_hyperparameters)
    program = environment.get("SAGEMAKER_PROGRAM")
    hosts = resources["hosts"]
    training_env = {
        "additional_framework_parameters": framework,
        "channel_input_dirs": {name: tree.channel(name) for name in channels},
        "current_host": resources["current_host"],
        "framework_module": environment.get("SAGEMAKER_TRAINING_MODULE"),
        "hosts": hosts,
        "hyperparameters": user_hyperparameters(all_hyperparameters),
        "input_config_dir": tree.input_config,
        "input_data_config": channels,
        "input_dir": tree.input,
        "is_master": resources["current_host"] == hosts[0],
        "job_name": environment.get("TRAINING_JOB_NAME"),
        "log_level": all_hyperparameters.get("sagemaker_container_log_level", _INFO),
        "master_hostname": hosts[0],
        "model_dir": tree.model,
        "module_dir": str(all_hyperparameters.get("sagemaker_submit_directory", tree.code)),
        "module_name": _module_name(
            program if program is not None else str(all_hyperparameters.get("sagemaker_program"))
        ),
        "network_interface_name": resources.get("network_interface_name", "eth0"),
        "num_cpus": machine.num_cpus,
        "num_gpus": machine.num_gpus,
        "output_data_dir": tree.output_data,
        "output_dir": tree.output,
        "output_intermediate_dir": tree.output_intermediate,
        "resource_config": resources,
        "user_entry_point": program or all_hyperparameters.get("sagemaker_program"),
    }
    if toolkit_version != "4.0.1":
        training_env |= _instance_group_keys(resources, framework)
        training_env |= {
            "is_modelparallel_enabled": _is_modelparallel_enabled(environment.get("SM_HP_MP_PARAMETERS")),
            "is_smddpmprun_installed": False,
            "is_smddprun_installed": False,
            "num_neurons": _num_neurons(machine, training_env["current_instance_type"], toolkit_version),
        }
    if toolkit_version == "5.1.4":
        training_env["topology"] = resources.get("topology", [])
    return training_env


def _instance_group_keys(resources: Mapping[str, Any], framework: Mapping[str, Any]) -> dict[str, Any]:
    current = resources.get("current_group_name", HOMOGENEOUS_GROUP)
    groups = resources.get("instance_groups", [])
    by_name = {group["instance_group_name"]: group for group in groups}
    distributed = [current] if any(framework.get(switch) for switch in _DISTRIBUTION_SWITCHES) else []
    distribution_groups = framework.get("sagemaker_distribution_instance_groups", distributed)
    if not isinstance(distribution_groups, (str, list, dict)):
        raise _framework_error(f"{type(distribution_groups).__name__!r} is not iterable", "TypeError")
    distribution_hosts = (
        [host for group in groups if group["instance_group_name"] in distribution_groups for host in group["hosts"]]
        if groups
        else resources["hosts"]
    )
    master = (distribution_hosts or resources["hosts"])[0]
    return {
        "current_instance_group": current,
        "current_instance_group_hosts": next(
            (group["hosts"] for group in groups if group["instance_group_name"] == current), []
        ),
        "current_instance_type": resources.get("current_instance_type", "local"),
        "distribution_hosts": distribution_hosts,
        "distribution_instance_groups": distribution_groups,
        "instance_groups": [group["instance_group_name"] for group in groups],
        "instance_groups_dict": by_name,
        "is_hetero": len(groups) > 1,
        "is_master": resources["current_host"] == master,
        "master_hostname": master,
    }


def _is_modelparallel_enabled(parameters: str | None) -> bool | str | None:
    return parameters and parameters != "{}"


def _num_neurons(machine: Machine, instance_type: str, toolkit_version: str) -> int:
    return 64 if toolkit_version == "5.1.4" and "trn2.48xlarge" in instance_type else machine.num_neurons


def _module_name(program: str) -> str:
    return program.removesuffix(".py")


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


def _check_incoming_log_level(environment: Mapping[str, str]) -> None:
    text = environment.get("SAGEMAKER_CONTAINER_LOG_LEVEL", str(_INFO))
    try:
        int(text)
    except ValueError as error:
        raise _framework_error(str(error)) from error


def _check_log_level(level: object) -> None:
    if not isinstance(level, int):
        raise _framework_error(f"sagemaker_container_log_level is {level!r}, not an integer.", "TypeError")


def _check_output(hyperparameters: Mapping[str, Any]) -> None:
    location = hyperparameters.get("sagemaker_s3_output")
    scheme, colon, _ = str(location).partition(":")
    if location and not (colon and scheme.lower() in ("s3", "file")):
        raise _framework_error(f"Expecting 's3' scheme, got: {location}")


def _check_variables(variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        if "=" in name:
            raise _framework_error(f"illegal environment variable name: {name!r}")
        _check_bytes(f"{name}={value}")


def _check_arguments(command: tuple[str, ...]) -> None:
    for item in command:
        _check_bytes(item)


def _check_bytes(text: str) -> None:
    """What Linux cannot pass: a NUL, a surrogate that stands for no byte, more than 128 KiB in one piece."""
    if "\0" in text:
        raise _framework_error("embedded null byte")
    try:
        size = len(text.encode("utf-8", "surrogateescape")) + 1
    except UnicodeEncodeError as error:
        raise _framework_error(str(error), "UnicodeEncodeError") from error
    if size > LONGEST_STRING:
        message = f"[Errno {errno.E2BIG}] Argument list too long: {text[:40]}… has {size} bytes"
        raise _framework_error(message, "OSError", exit_code=errno.E2BIG)


def _framework_error(message: str, kind: str = "ValueError", exit_code: int = 1) -> ContractError:
    return ContractError(message, failure=framework_failure(message, kind), exit_code=exit_code)
