"""From the three config files to what the script sees: one function for every dialect and version."""

from __future__ import annotations

from collections.abc import Mapping

from harness.contract import toolkit
from harness.contract.terms import Contract, ContractError, Dialect, EntryKind, JobConfig, Machine

__all__ = [
    "DEFAULT_TOOLKIT_VERSION",
    "TOOLKIT_VERSIONS",
    "Contract",
    "ContractError",
    "Dialect",
    "EntryKind",
    "JobConfig",
    "Machine",
    "script_contract",
]

TOOLKIT_VERSIONS = ("4.0.1", "4.8.0", "5.1.4")
DEFAULT_TOOLKIT_VERSION = "4.8.0"


def script_contract(
    config: JobConfig,
    *,
    environment: Mapping[str, str],
    machine: Machine,
    dialect: Dialect = Dialect.TOOLKIT,
    toolkit_version: str = DEFAULT_TOOLKIT_VERSION,
    base_dir: str = "/opt/ml",
    has_setup_py: bool = False,
    entry_script: str | None = None,
) -> Contract:
    """What the script sees: environment, arguments, command and working directory.

    Args:
        config: the three files of ``input/config``.
        environment: what the container has before the toolkit starts: the image's ENV, the platform's variables
            and the request's ``Environment``.
        machine: what is read off the machine.
        dialect: who computes ``SM_*``.
        toolkit_version: one of ``TOOLKIT_VERSIONS``; dialect T only.
        base_dir: where the host sees its tree. In dialect T ``SAGEMAKER_BASE_DIR`` of ``environment`` wins.
        has_setup_py: a ``setup.py`` lies at the root of the code; dialect T only.
        entry_script: ``SourceCode.entry_script``, None where the job has ``SourceCode.command``; dialect D only.
            Dialect T reads ``SAGEMAKER_PROGRAM`` or the hyperparameter ``sagemaker_program``.

    Raises:
        ContractError: the real toolkit would fail before the script starts.
        ValueError: an unknown ``toolkit_version``.
    """
    if dialect is Dialect.V3:
        from harness.contract import drivers  # few jobs need it, and every job would pay for it

        return drivers.script_contract(
            config, environment=environment, machine=machine, base_dir=base_dir, entry_script=entry_script
        )
    if toolkit_version not in TOOLKIT_VERSIONS:
        raise ValueError(f"Toolkit version {toolkit_version!r}: known are {', '.join(TOOLKIT_VERSIONS)}.")
    return toolkit.script_contract(
        config,
        environment=environment,
        machine=machine,
        toolkit_version=toolkit_version,
        base_dir=base_dir,
        has_setup_py=has_setup_py,
    )
