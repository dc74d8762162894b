"""What the toolkit does inside AWS's image, done for a plain process: install, build the contract, tell the outcome."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.contract import opt_ml
from harness.contract.entry import install_command
from harness.contract.environment import Contract, JobConfig, Machine, script_contract
from harness.contract.opt_ml import OptMl
from harness.contract.outcomes import Outcome, StepError, step_failure, toolkit_outcome
from harness.contract.terms import ContractError, EntryKind
from harness.engine.environment import (
    image_environment,
    machine_environment,
    platform_environment,
    toolkit_version,
)
from harness.engine.hosts import Ended, Log
from harness.engine.interpreter import Interpreter, interpreter
from harness.engine.launcher import HostSpec, Mount
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, write_json

_FAILURE_READ = 8192
"""Bytes of a script's own failure file that can matter: AWS keeps 1,024 characters."""


@dataclass(frozen=True, eq=False)
class JobHost:
    """One host's part of a job: its place on this machine, and how it sees that place itself."""

    name: str
    index: int
    tree: Path
    base_dir: str

    @property
    def paths(self) -> OptMl:
        """The tree as the host sees it."""
        return OptMl(self.base_dir)

    def path(self, seen: str) -> Path:
        """Where this process finds what the host sees as ``seen``."""
        return self.tree / Path(seen).relative_to(self.base_dir)

    def lay_out(self, request: Document) -> None:
        """Make the tree as a training job's script finds it, but for its code and its channels."""
        paths = self.paths
        for folder in (paths.input_config, paths.input_data, paths.model, paths.output_data):
            self.path(folder).mkdir(parents=True)
        files = (paths.hyperparameters_file, paths.input_data_config_file, paths.resource_config_file)
        for file, document in zip(files, config_documents(request, self.index).values(), strict=True):
            write_json(self.path(file), document)


class Toolkit:
    """Plays ``sagemaker-training`` of the request's image, for one job."""

    entrypoint: tuple[str, ...] | None = None

    def __init__(self, request: Document, description: Document, settings: EngineSettings) -> None:
        self.request, self.description, self.settings = request, description, settings
        self.image: str = request["AlgorithmSpecification"].get("TrainingImage", "")
        self.python: Interpreter = interpreter(settings.python)

    def install(self, host: JobHost, log: Log, run: Callable[[HostSpec], Ended]) -> None:
        """Install what the code asks for, once for all hosts, and use that interpreter from now on.

        Args:
            host: a host whose code is in place.
            log: takes what is said about it.
            run: runs a command to its end.

        Raises:
            ContractError: the installation failed; the failure text is the toolkit's.
            Stopped: somebody stopped the job meanwhile.
        """
        code = host.path(host.paths.code)
        kind = self.contract(host).entry_kind
        assert kind is not None
        has_requirements = (code / "requirements.txt").is_file()
        command = install_command(kind, has_requirements=has_requirements, python=self.python.path)
        if command is None:
            return
        from harness.engine import requirements  # few jobs need it, and every job would pay for it

        offline = bool(self.request.get("EnableNetworkIsolation"))
        made = requirements.environment(self.python, code, command, cache=Path(self.settings.cache), offline=offline)
        installed = requirements.install(made, host.name, code, log, run)
        if installed is None:
            step = StepError.MODULE if "." in command else StepError.REQUIREMENTS
            raise ContractError("the installation failed", failure=step_failure(step, 1, command))
        self.python = installed

    def facts(self) -> Document:
        """What of this machine runs the script."""
        return {"Python": self.python.version, "Versions": self.python.versions()}

    def channels(self, host: JobHost, mounts: Sequence[Mount]) -> tuple[Mount, ...]:
        """The channels of a host: as they lie."""
        return tuple(mounts)

    def ready(self, host: JobHost) -> Contract:
        """Do the last things before the start, and say what the script will see.

        Raises:
            ContractError: the real toolkit would fail before the script.
        """
        contract = self.contract(host)
        if contract.entry_kind is EntryKind.SHELL:
            entry = host.path(host.paths.code) / contract.environment["SM_USER_ENTRY_POINT"]
            if entry.is_file():
                entry.chmod(0o777)
        return contract

    def contract(self, host: JobHost) -> Contract:
        """What the script will see on a host.

        Raises:
            ContractError: the real toolkit would fail before the script.
        """
        given: Mapping[str, str] = {
            **image_environment(self.image, host.base_dir),
            **machine_environment(self.python, self.settings.pass_environment, host.base_dir),
            **platform_environment(self.description, self.settings.region),
            **self.request.get("Environment", {}),
        }
        return script_contract(
            JobConfig(**config_documents(self.request, host.index)),
            environment=given,
            machine=Machine(num_cpus=os.cpu_count() or 1, python=self.python.path, pythonpath=self.python.pythonpath),
            toolkit_version=toolkit_version(self.image),
            base_dir=host.base_dir,
            has_setup_py=host.path(host.paths.code).joinpath("setup.py").is_file(),
        )

    def outcome(self, host: JobHost, contract: Contract, exit_code: int) -> Outcome:
        """What the container would exit with and leave behind; leaves it behind."""
        failure = host.path(host.paths.failure)
        outcome = toolkit_outcome(exit_code, contract.command, own_failure=read_failure(host))
        with suppress(OSError):  # the script may have made anything of its folders; how it ended stays true
            if outcome.failure is not None and not os.path.lexists(failure):
                failure.write_text(outcome.failure, "utf-8")
            if outcome.success_file:
                host.path(host.paths.success).touch()
        return outcome


def config_documents(request: Mapping[str, Any], host_index: int) -> dict[str, dict[str, Any]]:
    """The three documents of ``input/config`` for one host."""
    return {
        "hyperparameters": dict(opt_ml.hyperparameters_document(request)),
        "input_data_config": dict(opt_ml.input_data_config_document(request)),
        "resource_config": opt_ml.resource_config_document(request, host_index),
    }


def read_failure(host: JobHost) -> str | None:
    """The beginning of ``/opt/ml/output/failure``; None if there is none."""
    file = host.path(host.paths.failure)
    if not file.is_file():
        return None
    with file.open("rb") as content:
        return content.read(_FAILURE_READ).decode("utf-8", "replace")
