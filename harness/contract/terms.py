"""What goes into the contract and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

LONGEST_STRING = 128 * 1024
"""Bytes of one argument, or of one variable with its name, with the NUL behind it (Linux, execve)."""


class Dialect(StrEnum):
    """Who computes ``SM_*``. The two are incompatible."""

    TOOLKIT = "toolkit"
    """``sagemaker-training`` inside the image: SDK v2 estimators, and boto3 with ``sagemaker_program``."""
    V3 = "v3"
    """The drivers that SDK v3's ``ModelTrainer`` ships in the channel ``sm_drivers``."""


class EntryKind(StrEnum):
    """How an entry point is run."""

    SCRIPT = "script"
    PACKAGE = "package"
    SHELL = "shell"


class JobConfig(NamedTuple):
    """The three files of ``/opt/ml/input/config``, parsed, in their own order; None: the file is not there."""

    hyperparameters: Mapping[str, Any] | None
    input_data_config: Mapping[str, Any] | None
    resource_config: Mapping[str, Any] | None


class Machine(NamedTuple):
    """What the toolkit reads off the machine it runs on."""

    num_cpus: int
    num_gpus: int = 0
    num_neurons: int = 0
    python: str = "/usr/local/bin/python3.12"
    """The interpreter that runs the script."""
    pythonpath: tuple[str, ...] = (
        "/usr/local/bin",
        "/usr/local/lib/python312.zip",
        "/usr/local/lib/python3.12",
        "/usr/local/lib/python3.12/lib-dynload",
        "/usr/local/lib/python3.12/site-packages",
    )
    """``sys.path`` of ``train`` without PYTHONPATH: the command's folder, then the interpreter's own."""
    region: str | None = None
    """The region that boto3 finds in its files, where neither the job nor ``AWS_DEFAULT_REGION`` names one."""


class Contract(NamedTuple):
    """What the script sees."""

    environment: dict[str, str]
    """All of it: what was given, and what the toolkit sets over it."""
    argv: tuple[str, ...]
    """``sys.argv[1:]``."""
    command: tuple[str, ...]
    cwd: str
    entry_kind: EntryKind | None
    """None where no entry point is named and the dialect starts nothing by itself (SDK v3's ``SourceCode.command``)."""

    def to_json(self) -> dict[str, object]:
        """The document that ``harness contract --json`` prints."""
        return {
            "environment": dict(sorted(self.environment.items())),
            "argv": list(self.argv),
            "command": list(self.command),
            "cwd": self.cwd,
        }


class ContractError(Exception):
    """The real toolkit would fail on this job before it started the script.

    ``exit_code`` is that of the container; ``failure`` is the text of ``/opt/ml/output/failure``, whose first
    two lines are AWS's, or None where none would be written. The message says in one line what is wrong.
    """

    def __init__(self, message: str, *, failure: str | None, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.failure = failure
        self.exit_code = exit_code
