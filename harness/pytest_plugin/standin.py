"""``sagemaker_standin``: ``harness standin`` in a process of its own, which ends with this one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from harness.errors import MissingCapability
from harness.pytest_plugin.surroundings import lead_to
from harness.pytest_plugin.workplace import Workplace

_TELL = "import json, os, sys; print(json.dumps(dict(os.environ)), flush=True); sys.stdin.read()"
"""What the stand-in runs: says what environment it was given; ends, and the stand-in with it, when we have gone."""


@dataclass(frozen=True)
class SageMakerStandIn:
    """AWS on loopback: S3, STS, IAM, CloudWatch Logs, ECR, and a SageMaker that runs the jobs on this machine."""

    environment: Mapping[str, str]
    """What leads there, proxy included: the SageMaker SDK names AWS's hosts itself."""

    @property
    def url(self) -> str:
        """Its address."""
        return self.environment["AWS_ENDPOINT_URL"]

    @property
    def role(self) -> str:
        """ARN of the role that jobs can run as."""
        return self.environment["HARNESS_ROLE"]

    def apply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have this process's environment lead there until ``monkeypatch`` is undone."""
        lead_to(self.environment, monkeypatch)

    def client(self, service: str) -> Any:
        """``boto3.client``."""
        import boto3

        return boto3.client(service)


@contextmanager
def running(workplace: Workplace) -> Iterator[SageMakerStandIn]:
    """A stand-in, from the moment at which it answers until nothing of it is left.

    Raises:
        MissingCapability: it could not be started; it says why.
    """
    folder = workplace.new_folder("standin")
    config = workplace.configure(folder, {})
    settings = folder / "harness.toml"
    settings.touch()  # nobody else's is found in a folder above
    options = ["--config", str(settings), "--state", str(folder / "state")]
    options += ["--isolation", config.isolation, "--stop-grace", "1"]
    options += ["--python", str(config.python)] if config.python else []
    clean = {name: text for name, text in workplace.environ.items() if not name.startswith(("AWS_", "HARNESS_"))}
    said = folder / "standin.txt"
    with (
        said.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "harness", "standin", *options, "--", sys.executable, "-c", _TELL],
            cwd=folder,
            env=clean,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is pytest's, which then ends it
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        document = process.stdout.readline()
        if not document:
            process.wait()
            raise MissingCapability(f"The stand-in could not be started:\n{said.read_text('utf-8', 'replace')}")
        given = json.loads(document)
        try:
            yield SageMakerStandIn({name: given[name] for name in given if clean.get(name) != given[name]})
        finally:
            process.stdin.close()
            process.wait()
