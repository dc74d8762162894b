"""A batch transform job on this machine: a model server, and its files sent through it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.engine import channels, serving
from harness.engine.hosts import Control, Ended, Log, Stop, Stopped, run_hosts
from harness.engine.launcher import HostSpec, Launcher, LaunchError
from harness.engine.processes import ProcessLauncher
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, Job, now, read_json
from harness.engine.supervisor import fail
from harness.errors import ConfigurationError, HarnessError
from harness.storage import is_s3, local_path

_COPIED = (
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "TransformResources",
    "DataProcessing",
    "ExperimentConfig",
)
_PROGRESS_EVERY = 0.25
"""Seconds between two notes of how far a job is."""


def describe_new(request: Document, settings: EngineSettings) -> Document:
    """The first ``DescribeTransformJob`` document of a job."""
    name, moment = request["TransformJobName"], now()
    return {
        "TransformJobName": name,
        "TransformJobArn": f"arn:aws:sagemaker:{settings.region}:{settings.account}:transform-job/{name}",
        "TransformJobStatus": "InProgress",
        **{key: request[key] for key in _COPIED if key in request},
        "CreationTime": moment,
        "LastModifiedTime": moment,
    }


def refusals(request: Mapping[str, Any]) -> Iterator[str]:
    """What in a request this engine cannot honour, by name, and what of it does not go together."""
    elsewhere = "; try --on remote"
    if request["TransformResources"].get("InstanceCount", 1) > 1:
        yield f"TransformResources.InstanceCount: a transform job has one host here{elsewhere}, or use 1"
    for holder, key in (("TransformOutput", "KmsKeyId"), ("TransformResources", "VolumeKmsKeyId")):
        if request[holder].get(key):
            yield f"{holder}.{key}: nothing is encrypted on this machine{elsewhere}"
    if "DataCaptureConfig" in request:
        yield f"DataCaptureConfig: nothing is captured here{elsewhere}"
    from harness.engine.batch.settings import TransformSettings

    try:  # nobody is to learn of a filter that is none when the server runs
        TransformSettings.from_request(request)
    except ConfigurationError as error:
        yield error.message


def input_problems(request: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the files that a request names."""
    source = {"S3DataSource": request["TransformInput"]["DataSource"]["S3DataSource"]}
    yield from channels.problems({"ChannelName": channels.TRANSFORM_INPUT, "DataSource": source})
    yield from channels.output_problems("TransformOutput", request["TransformOutput"]["S3OutputPath"])


def variables(request: Mapping[str, Any]) -> dict[str, str]:
    """What the platform sets in a container for batch transform (AWS developer guide).

    ``SAGEMAKER_BATCH`` always, the others only as far as the request speaks of them.
    """
    strategy = {"SingleRecord": "SINGLE_RECORD", "MultiRecord": "MULTI_RECORD"}
    found = {
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": request.get("MaxPayloadInMB"),
        "SAGEMAKER_BATCH_STRATEGY": strategy.get(request.get("BatchStrategy", "")),
        "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": request.get("MaxConcurrentTransforms"),
    }
    return {"SAGEMAKER_BATCH": "true", **{name: str(value) for name, value in found.items() if value is not None}}


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Run the job to its end and write down how it ended. Called in a process of its own."""
    settings = EngineSettings.read(job.path)
    log = Log(job.log)
    try:
        _finish(job, settings, *_transform(job, settings, control, launcher, log))
    except Stopped:
        job.update(TransformJobStatus="Stopped", TransformEndTime=now())
    except (HarnessError, LaunchError, OSError) as error:
        fail(job, f"ClientError: {error}")
    finally:
        log.close()


def discard(job: Job) -> None:
    """Remove what a job that has lost its process was writing beside its outputs; those that are whole stay."""
    from harness.engine.batch.settings import transform_files

    source = job.request["TransformInput"]["DataSource"]["S3DataSource"]
    uri = job.request["TransformOutput"]["S3OutputPath"]
    if is_s3(uri) or is_s3(source["S3Uri"]):
        return
    with suppress(OSError, ConfigurationError):  # the input, which names the outputs, may have gone meanwhile
        for file in transform_files(*channels.chosen(source), local_path(uri), job.path):
            file.partial.unlink(missing_ok=True)


def _transform(
    job: Job, settings: EngineSettings, control: Control, launcher: Launcher, log: Log
) -> tuple[Ended, _Sender]:
    request = job.request

    def run_to_its_end(spec: HostSpec) -> Ended:
        return run_hosts(ProcessLauncher("none"), [spec], log=log, control=control, grace=0)

    def stopping(stop: Stop) -> None:
        job.update(TransformJobStatus="Stopping")

    source, uri = request["TransformInput"]["DataSource"]["S3DataSource"], request["TransformOutput"]["S3OutputPath"]
    output = job.path / "output" if is_s3(uri) else local_path(uri)
    (fetched,) = channels.fetched([{"DataSource": {"S3DataSource": source}}], settings.storage)
    prepared = serving.prepare(
        job.path,
        read_json(job.path / "model.json"),
        settings=settings,
        launcher=launcher,
        variables={**variables(request), **request.get("Environment", {})},
        log=log,
        run=run_to_its_end,
    )
    with closing(prepared):
        sender = _Sender(prepared.url, request, fetched["DataSource"]["S3DataSource"], output, job, control)
        job.update(TransformStartTime=now())
        try:
            ended = run_hosts(
                prepared.launcher,
                [prepared.spec],
                log=log,
                control=control,
                companion=sender,
                on_stop=stopping,
                grace=0,  # nobody waits for what the server has not answered yet
            )
        finally:
            sender.join()
    return ended, sender


def _finish(job: Job, settings: EngineSettings, ended: Ended, sender: _Sender) -> None:
    uri = job.request["TransformOutput"]["S3OutputPath"]
    if is_s3(uri) and sender.output.is_dir():  # what is whole stays, whatever becomes of the job
        settings.storage.upload(sender.output, uri)
    if ended.stop is not None:
        job.update(TransformJobStatus="Stopped", TransformEndTime=now())
    elif sender.error is not None:
        fail(job, f"ClientError: {sender.error}")
    elif sender.outcome is None or sender.outcome.status == "Stopped":
        reason = serving.why_it_ended(job.log, next(iter(ended.exit_codes.values())))
        fail(job, f"AlgorithmError: the model server is gone or never answered. {reason}")
    elif sender.outcome.failure_reason is not None:
        fail(job, sender.outcome.failure_reason)
    else:
        import shutil

        job.update(TransformJobStatus="Completed", TransformEndTime=now())
        shutil.rmtree(job.path / "hosts", ignore_errors=True)


class _Sender(serving.Readiness):
    """Sends the job's files once the server answers; the hosts are needed no longer when it is done."""

    def __init__(
        self,
        where: Callable[[], str],
        request: Document,
        source: Mapping[str, Any],
        output: Path,
        job: Job,
        control: Control,
    ) -> None:
        super().__init__(where)
        self.source, self.output = source, output
        self.request, self.job, self.control = request, job, control
        self.outcome: Any = None
        self.error: Exception | None = None
        self._done = False
        self._tally: Any = None
        self._told: Any = None
        self._noted = 0.0

    def update(self, tally: Any) -> None:
        """Progress of ``runner.run``; called in the thread."""
        moment = time.monotonic()
        self._tally = tally
        if tally is not self._told and moment - self._noted >= _PROGRESS_EVERY:
            self._noted, self._told = moment, tally
            self.tell()

    def ready(self) -> None:
        """See ``Readiness``: the whole job, in the thread."""
        from harness.engine.batch import runner
        from harness.engine.batch.settings import TransformSettings, transform_files

        try:
            settings = TransformSettings.from_request(self.request, _execution_parameters(self.url))
            files = transform_files(*channels.chosen(self.source), self.output, self.job.path)
            self.outcome = runner.run(f"{self.url}/invocations", files, settings, stop=self.cancelled, progress=self)
        except Exception as error:
            self.error = error
        self._done = True

    def receive(self) -> bool:
        """See ``hosts.Companion``."""
        self.hear()
        if self._tally is not None:
            facts = {**self.job.description.get("Harness", {}), "Progress": asdict(self._tally)}
            self.job.update(Harness=facts)
            self.control.notify()
        return self._done or self.late


def _execution_parameters(url: str) -> dict[str, Any]:
    """What the model server proposes (AWS developer guide); nothing where it has no such path."""
    import http.client
    import json

    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=serving.PING_LIMIT)
    try:
        connection.request("GET", "/execution-parameters")
        response = connection.getresponse()
        document = json.loads(response.read()) if response.status == 200 else {}
        return document if isinstance(document, dict) else {}
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
