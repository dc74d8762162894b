"""A training job by the SDK: what surrounds it is the engine's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.contract.outcomes import Outcome
from harness.engine.artifacts import unpack_archive
from harness.engine.hosts import Control
from harness.engine.launcher import Launcher
from harness.engine.store import Document, Job, now
from harness.engine.toolkit import JobHost, read_failure
from harness.engine.training import Training
from harness.errors import HarnessError
from harness.targets.localmode.host import HOST, Run, SdkHost, opened
from harness.targets.localmode.inputs import mountable, sdk_uri


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Run the job to its end and write down how it ended. Called in a process of its own."""
    SdkTraining(job, control, launcher).run()


class SdkTraining(Training):
    """One job, whose host the SDK plays."""

    def train(self) -> tuple[Sequence[JobHost], Run, Sequence[Outcome]]:
        """See ``Training.train``."""
        sdk = SdkHost(self.job, self.control, self.launcher, self.log)
        self.enter("Training", facts=sdk.facts, TrainingStartTime=now())
        ended = sdk.run(
            [("create_training_job", self._translated(sdk))],
            read_only=[f"/opt/ml/input/data/{channel['ChannelName']}" for channel in self.inputs],
            deadline=self.deadline,
            grace=self.settings.stop_grace,
            on_stop=self.stopping,
        )
        host = self._collect(sdk.folder)
        sdk.clear()
        if ended.is_the_sdks_failure:
            raise HarnessError(str(ended.error))
        return [host], ended, [_outcome(host, ended)]

    @property
    def _uncollected(self) -> Path:
        return opened(self.job.path.absolute() / "sdk-output")

    def _translated(self, sdk: SdkHost) -> Document:
        """The request with everything in it on this machine, and what is written to, ours."""
        parameters = {
            **self.request.get("HyperParameters", {}),
            "sagemaker_submit_directory": json.dumps(sdk_uri(self.source)),
        }
        return {
            "TrainingJobName": self.job.name,
            "AlgorithmSpecification": {**self.request["AlgorithmSpecification"], "TrainingImage": sdk.image},
            "OutputDataConfig": {"S3OutputPath": sdk_uri(self._uncollected)},
            "ResourceConfig": self.request["ResourceConfig"],
            "HyperParameters": parameters,
            "Environment": {**sdk.passed_environment(), **self.request.get("Environment", {})},
            "InputDataConfig": [self._channel(dict(channel)) for channel in self.inputs],
        }

    def _channel(self, channel: dict[str, Any]) -> Document:
        view = self.job.path.absolute() / "inputs" / channel["ChannelName"]
        folder = mountable(channel["DataSource"]["S3DataSource"], view)
        source = {"S3DataType": "S3Prefix", "S3Uri": sdk_uri(folder), "S3DataDistributionType": "FullyReplicated"}
        return {**channel, "DataSource": {"S3DataSource": source}}

    def _collect(self, root: Path) -> JobHost:
        """Lay out what the container left as ``/opt/ml`` had it: from the SDK's archives, else where it was killed."""
        host = JobHost(HOST, 0, self.job.path.absolute() / "hosts" / HOST, "/opt/ml")
        places = {host.paths.model: ("model", "*/model"), host.paths.output: ("output", "*/*/output")}
        for seen, (name, killed) in places.items():
            target = host.path(seen)
            target.parent.mkdir(parents=True, exist_ok=True)
            archive = self._uncollected / f"{name}.tar.gz"
            if archive.is_file():
                unpack_archive(archive, target)
                archive.unlink()
            else:
                for folder in root.glob(killed):
                    folder.rename(target)
            target.mkdir(exist_ok=True)
        self._uncollected.rmdir()
        return host

    def clear(self) -> None:
        """See ``Training.clear``; the inputs' second names and the code are of no more use either."""
        super().clear()
        for name in ("inputs", "source"):
            shutil.rmtree(self.job.path / name, ignore_errors=True)


def _outcome(host: JobHost, ended: Run) -> Outcome:
    code = ended.exit_codes.get(HOST, 0)
    return Outcome(code, read_failure(host), code == 0)
