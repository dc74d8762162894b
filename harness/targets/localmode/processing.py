"""A processing job by the SDK: what surrounds it is the engine's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.engine.hosts import Control, Ended, Log
from harness.engine.launcher import Launcher
from harness.engine.processing import Processing
from harness.engine.store import Document, Job, now
from harness.errors import HarnessError
from harness.targets.localmode.host import HOST, SdkHost, opened
from harness.targets.localmode.inputs import mountable, sdk_uri


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Run the job to its end and write down how it ended. Called in a process of its own."""
    SdkProcessing(job, control, launcher).run()


class SdkProcessing(Processing):
    """One job, whose host the SDK plays."""

    def process(self, log: Log) -> Ended:
        """See ``Processing.process``."""
        sdk = SdkHost(self.job, self.control, self.launcher, log)
        self.job.update(ProcessingStartTime=now(), Harness=sdk.facts)
        ended = sdk.run(
            [("create_processing_job", self._translated(sdk))],
            read_only=[each["S3Input"]["LocalPath"] for each in self.request.get("ProcessingInputs", ())],
            deadline=self.deadline,
            grace=self.settings.stop_grace,
            on_stop=self.stopping,
        )
        sdk.clear()
        if ended.is_the_sdks_failure:
            raise HarnessError(str(ended.error))
        return ended

    def _translated(self, sdk: SdkHost) -> Document:
        """The request with everything in it on this machine; outputs go where the engine collects them."""
        app = self.request["AppSpecification"]
        given = self.request.get("ProcessingInputs", ())
        inputs = [self._input(each, channel) for each, channel in zip(given, self.inputs, strict=True)]
        outputs = [
            {
                "OutputName": each["OutputName"],
                "S3Output": {
                    **each["S3Output"],
                    "S3Uri": sdk_uri(opened(self.path(self.tree(HOST), each["S3Output"]["LocalPath"]))),
                },
            }
            for each in self.outputs
        ]
        return {
            "ProcessingJobName": self.job.name,
            "AppSpecification": {**app, "ImageUri": sdk.image},
            "ProcessingResources": self.request["ProcessingResources"],
            "Environment": {**sdk.passed_environment(), **self.request.get("Environment", {})},
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {"Outputs": outputs},
        }

    def _input(self, given: Mapping[str, Any], channel: Mapping[str, Any]) -> Document:
        """One of ``ProcessingInputs``; another one may lie inside it, for which a read-only mount has to have room."""
        target = given["S3Input"]["LocalPath"].rstrip("/") + "/"
        targets = [each["S3Input"]["LocalPath"] for each in self.request["ProcessingInputs"]]
        folder = mountable(
            channel["DataSource"]["S3DataSource"],
            self.job.path.absolute() / "inputs" / given["InputName"],
            inside=[other.removeprefix(target) for other in targets if other.startswith(target) and other != target],
        )
        return {"InputName": given["InputName"], "S3Input": {**given["S3Input"], "S3Uri": sdk_uri(folder)}}
