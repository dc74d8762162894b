"""A container's own entry point, run as a plain process: what the image's toolkit does not come near.

SDK v3's ``ModelTrainer`` sends ``ContainerEntrypoint`` and ``ContainerArguments``, and in the channels ``code`` and
``sm_drivers`` what they run; those drivers compute dialect D themselves (sagemaker-train 1.27.0, ``sm_train.sh``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from harness.contract.environment import Contract
from harness.contract.opt_ml import OptMl
from harness.contract.outcomes import Outcome
from harness.engine.environment import image_environment, machine_environment, platform_environment
from harness.engine.hosts import Ended, Log
from harness.engine.interpreter import interpreter, made_to_order
from harness.engine.launcher import HostSpec, Mount
from harness.engine.settings import EngineSettings
from harness.engine.store import Document
from harness.engine.toolkit import JobHost, read_failure
from harness.errors import HarnessError

_OWN = ("code", "sm_drivers")
"""Channels that the drivers change in place, as a container may: a mode, an archive that is unpacked."""


class ContainerEntry:
    """For one job, in the place of ``toolkit.Toolkit``."""

    entrypoint: tuple[str, ...] | None = None

    def __init__(self, request: Document, description: Document, settings: EngineSettings) -> None:
        self.request, self.description, self.settings = request, description, settings
        algorithm: dict[str, Any] = request["AlgorithmSpecification"]
        self.image: str = algorithm.get("TrainingImage", "")
        self.command = (*algorithm["ContainerEntrypoint"], *algorithm.get("ContainerArguments", ()))
        self._base = self.python = interpreter(settings.python)

    def install(self, host: JobHost, log: Log, run: Callable[[HostSpec], Ended]) -> None:
        """Give the job an interpreter that it may install into: a container goes with its job, this machine stays."""
        folder = host.tree.parent / ".python"
        self.python = made_to_order(self._base, folder)
        pip = folder / "bin" / "pip3"  # the drivers look for it before they look for anything else
        pip.write_text(f'#!/bin/sh\nexec "{self.python.path}" -m pip "$@"\n', "utf-8")
        pip.chmod(0o755)

    def facts(self) -> Document:
        """What of this machine runs the container's first process."""
        return {"Python": self.python.version, "Versions": self.python.versions()}

    def channels(self, host: JobHost, mounts: Sequence[Mount]) -> tuple[Mount, ...]:
        """The channels of a host; those that the container changes as copies of its own."""
        return own_channels(host, mounts)

    def ready(self, host: JobHost) -> Contract:
        """What the container's first process sees.

        Raises:
            HarnessError: its paths mean another place here.
        """
        if host.base_dir != OptMl().base_dir:
            raise HarnessError(
                "AlgorithmSpecification.ContainerEntrypoint names files below /opt/ml, and here a process cannot have "
                "an /opt/ml of its own; see `harness doctor`, or try --on remote"
            )
        machine = machine_environment(self._base, self.settings.pass_environment, host.base_dir)
        environment = {
            **image_environment(self.image, host.base_dir),
            **machine,
            "PATH": f"{Path(self.python.path).parent}:{machine['PATH']}",
            **platform_environment(self.description, self.settings.region),
            **self.request.get("Environment", {}),
        }
        return Contract(environment, argv=self.command[1:], command=self.command, cwd="/", entry_kind=None)

    def outcome(self, host: JobHost, contract: Contract, exit_code: int) -> Outcome:
        """What the container exits with and leaves behind; nobody adds to it."""
        return Outcome(exit_code % 256, read_failure(host), success_file=False)


def own_channels(host: JobHost, mounts: Sequence[Mount]) -> tuple[Mount, ...]:
    """Copy the channels that SDK v3's drivers change into a host's tree; the others, which stay mounts."""
    shared = []
    for mount in mounts:
        name = Path(mount.target).relative_to(host.paths.input_data).parts[0]
        if name in _OWN:
            _copy(mount.source, host.path(mount.target))
        else:
            shared.append(mount)
    return tuple(shared)


def _copy(source: Path, target: Path) -> None:
    import shutil

    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)
    for path in (target, *target.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
