"""The object of ``SM_TRAINING_ENV``, from which dialect T takes its variables.

Source: sagemaker-training 4.0.1, 4.8.0 and 5.1.4, run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.contract.hyperparameters import framework_parameters, user_hyperparameters
from harness.contract.opt_ml import HOMOGENEOUS_GROUP, OptMl
from harness.contract.outcomes import framework_error
from harness.contract.terms import Machine

INFO = 20
"""The log level where none is given (``logging.INFO``)."""
_DISTRIBUTION_SWITCHES = (
    "sagemaker_mpi_enabled",
    "sagemaker_parameter_server_enabled",
    "sagemaker_distributed_dataparallel_enabled",
    "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_torch_distributed_enabled",
)


def training_env_of(
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
        "log_level": all_hyperparameters.get("sagemaker_container_log_level", INFO),
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
        raise framework_error(f"{type(distribution_groups).__name__!r} is not iterable", "TypeError")
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
