"""``sagemaker_contract``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness import submission
from harness.engine import channels as inputs
from harness.engine import code, training
from harness.engine.store import Document
from harness.engine.toolkit import JobHost, Toolkit
from harness.errors import ConfigurationError
from harness.pytest_plugin.plainly import plainly
from harness.pytest_plugin.workplace import Workplace
from harness.storage import Storage
from harness.targets import local

_THE_TEST_RUNNERS = ("PYTEST_", "COVERAGE_", "COV_CORE_")
"""Beginnings of variables that stay while a contract is applied."""


@dataclass(frozen=True)
class SageMakerContract:
    """What a script sees in a training job."""

    environment: Mapping[str, str]
    """All of its variables."""
    argv: tuple[str, ...]
    """``sys.argv[1:]``."""
    command: tuple[str, ...]
    """How the toolkit starts it."""
    cwd: str
    """Its working directory."""

    @property
    def model_dir(self) -> Path:
        """``SM_MODEL_DIR``."""
        return Path(self.environment["SM_MODEL_DIR"])

    @property
    def output_dir(self) -> Path:
        """``SM_OUTPUT_DATA_DIR``."""
        return Path(self.environment["SM_OUTPUT_DATA_DIR"])

    def apply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make this process see it too, until ``monkeypatch`` is undone: environment, ``sys.argv``, working directory.

        As in a job, nothing else is in the environment; only what pytest and coverage need stays.
        """
        for name in list(os.environ):
            if name not in self.environment and not name.startswith(_THE_TEST_RUNNERS):
                monkeypatch.delenv(name)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", [self.environment.get("SM_USER_ENTRY_POINT", ""), *self.argv])
        if Path(self.cwd).is_dir():
            monkeypatch.chdir(self.cwd)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """``apply`` for the length of a ``with``."""
        with pytest.MonkeyPatch.context() as monkeypatch:
            self.apply(monkeypatch)
            yield


@dataclass(frozen=True)
class MakeContract:
    """What the fixture ``sagemaker_contract`` is."""

    _workplace: Workplace = field(repr=False)

    @plainly
    def __call__(
        self,
        *,
        entry_point: str | Path | None = None,
        source_dir: str | Path | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
        channels: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        base_dir: str | None = None,
        **settings: Any,
    ) -> SageMakerContract:
        """What the script of a training job with these settings sees on its first host. Nothing is run or installed.

        Args:
            entry_point, source_dir, hyperparameters, channels, environment, settings: as for ``training_job``.
            base_dir: ``/opt/ml`` for the paths that it sees on AWS; nothing is looked for there. If not given there is
                such a tree in a temporary folder, with the code, the channels (links to where they are) and empty
                folders for what it leaves, so that code of this process can work in it.

        Raises:
            ContractError: AWS's toolkit would fail before it started the script (``harness.contract.terms``).
            HarnessError: the job could not be started.
        """
        __tracebackhide__ = True
        given = {
            "entry_point": entry_point,
            "source_dir": source_dir,
            "hyperparameters": hyperparameters,
            "channels": channels,
            "environment": environment,
            **settings,
            "on": "local",
        }
        folder = self._workplace.new_folder("contract")
        config = self._workplace.configure(folder, given)
        engine = local.open_target(config).client.settings
        request = submission.job(config, "TrainingJob").request
        submission.check(config, "CreateTrainingJob", request)
        tree = folder / "opt" / "ml"
        host = JobHost("algo-1", 0, tree, base_dir or str(tree))
        tree.mkdir(parents=True)
        code.stage(request, host.path(host.paths.code), engine.storage)
        if base_dir is None:
            _lay_out(host, request, engine.storage)
        contract = Toolkit(request, training.describe_new(request, engine), engine).contract(host)
        return SageMakerContract(contract.environment, contract.argv, contract.command, contract.cwd)


def _lay_out(host: JobHost, request: Document, storage: Storage) -> None:
    """The rest of the host's tree as it is when the script starts.

    Raises:
        ConfigurationError: a channel's data is not there.
    """
    problems = list(training.input_problems(request))
    if problems:
        raise ConfigurationError("\n".join(problems))
    host.lay_out(request)
    found = inputs.fetched(request.get("InputDataConfig", ()), storage)
    for mount in inputs.provide(found, tree=host.tree, base_dir=host.base_dir, host=host.index, hosts=1):
        link = host.path(mount.target)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(mount.source)
