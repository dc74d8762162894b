"""A processing job by the SDK: what surrounds it is the engine's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.engine import channels
from harness.engine.hosts import Control, Log
from harness.engine.launcher import Launcher, LaunchError
from harness.engine.processing import _as_channel, _Processing
from harness.engine.store import Document, Job, now
from harness.engine.supervisor import fail
from harness.errors import HarnessError
from harness.targets.localmode.host import HOST, SdkHost, opened
from harness.targets.localmode.inputs import mountable, sdk_uri


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Run the job to its end and write down how it ended. Called in a process of its own."""
    _SdkProcessing(job, control, launcher).run()


class _SdkProcessing(_Processing):
    def run(self) -> None:
        log = Log(self.job.log)
        try:
            given = [_as_channel(each) for each in self.request.get("ProcessingInputs", ())]
            self.inputs = channels.fetched(given, self.storage)
            sdk = SdkHost(self.job, self.control, self.launcher, log, self.request["AppSpecification"]["ImageUri"])
            self.job.update(ProcessingStartTime=now())
            ended = sdk.run(
                [("create_processing_job", self._translated(sdk))],
                read_only=[each["S3Input"]["LocalPath"] for each in self.request.get("ProcessingInputs", ())],
                deadline=self.deadline,
                grace=self.settings.stop_grace,
                on_stop=self._stopping,
            )
            if ended.error is not None and not ended.container and ended.stop is None:
                fail(self.job, f"ClientError: {ended.error}")
            else:
                self._finish(ended.ended)
                facts = self.job.description.get("Harness", {})
                self.job.update(Harness={**facts, "Sdk": str(sdk.sdk), "Image": sdk.image})
            sdk.clear()
        except (HarnessError, LaunchError, OSError) as error:
            fail(self.job, f"ClientError: {error}")
        finally:
            log.close()

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
                    "S3Uri": sdk_uri(opened(self._path(self._tree(HOST), each["S3Output"]["LocalPath"]))),
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
