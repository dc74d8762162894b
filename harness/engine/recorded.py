"""What the script of a training job sees or saw, told from two documents: the request and the description."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from harness.contract import opt_ml
from harness.contract.environment import Contract, JobConfig, Machine, script_contract
from harness.contract.hyperparameters import decode
from harness.engine import code
from harness.engine.environment import image_environment, platform_environment, toolkit_version
from harness.engine.store import Document, Job
from harness.engine.toolkit import config_documents
from harness.errors import UsageError
from harness.storage import is_s3, local_path


def contract(
    job: Job, *, host: str, environment: Mapping[str, str], version: str | None = None, base_dir: str = "/opt/ml"
) -> Contract:
    """Compute the contract of one host of a recorded job; the config files are derived as they are for a new job.

    Args:
        job: a training job of any target.
        host: ``algo-1``, …
        environment: on top of what the image, the platform and the request give.
        version: of the toolkit; None: the image's.
        base_dir: where the host sees its tree.

    Raises:
        UsageError: it is no training job, has no such host, or its container does not run the toolkit.
        ContractError: the toolkit would fail before the script.
    """
    if job.kind != "TrainingJob":
        raise UsageError(f"{job.name} is a {job.kind}; a contract is a training job's.")
    return of_request(
        job.request, job.description, host=host, environment=environment, version=version, base_dir=base_dir
    )


def of_request(
    request: Document,
    description: Document,
    *,
    host: str,
    environment: Mapping[str, str],
    version: str | None = None,
    base_dir: str = "/opt/ml",
) -> Contract:
    """The same of a job that need not have run: its request, and its description as it is when it is made.

    Raises:
        UsageError: it has no such host, or its container does not run the toolkit.
        ContractError: the toolkit would fail before the script.
    """
    name, hosts = request["TrainingJobName"], opt_ml.host_names(request)
    if host not in hosts:
        raise UsageError(f"{name} has no host {host}; it has {', '.join(hosts)}.")
    if code.names_entry_point(request):
        raise UsageError(
            f"{name}: its container runs a command of its own (AlgorithmSpecification.ContainerEntrypoint), not "
            "the toolkit. Give a folder with its config files, and --dialect v3 for a job of SDK v3's."
        )
    image = request["AlgorithmSpecification"].get("TrainingImage", "")
    given = {
        **image_environment(image, base_dir),
        **platform_environment(description, description["TrainingJobArn"].split(":")[3]),
        **request.get("Environment", {}),
        **environment,
    }
    return script_contract(
        JobConfig(**config_documents(request, hosts.index(host))),
        environment=given,
        machine=Machine(num_cpus=os.cpu_count() or 1),
        toolkit_version=version or toolkit_version(image),
        base_dir=base_dir,
        has_setup_py=_has_setup_py(request),
    )


def _has_setup_py(request: Mapping[str, Any]) -> bool:
    """Whether the source is a package, as far as it is still on this machine, and a folder."""
    source = decode(request.get("HyperParameters", {})).get("sagemaker_submit_directory")
    if not isinstance(source, str) or is_s3(source) or not source.startswith("file:"):
        return False
    return (local_path(source) / "setup.py").is_file()
