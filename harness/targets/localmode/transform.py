"""A batch transform job by the SDK."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.engine import channels
from harness.engine.hosts import Control, Log, Stop
from harness.engine.launcher import Launcher, LaunchError
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, Job, now
from harness.engine.supervisor import fail
from harness.errors import HarnessError
from harness.storage import is_s3, local_path
from harness.targets.localmode.host import SdkHost, opened
from harness.targets.localmode.inputs import sdk_uri
from harness.targets.localmode.model_server import CODE, free_port, staged, translated, why_it_ended


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Run the job to its end and write down how it ended. Called in a process of its own."""

    def stopping(stop: Stop) -> None:
        job.update(TransformJobStatus="Stopping")

    log = Log(job.log)
    try:
        request, settings = job.request, EngineSettings.read(job.path)
        source = request["TransformInput"]["DataSource"]["S3DataSource"]
        (fetched,) = channels.fetched([{"DataSource": {"S3DataSource": source}}], settings.storage)
        model = staged(job)
        sdk = SdkHost(job, control, launcher, log)
        produced = opened(job.path.absolute() / "sdk-output")
        ended = sdk.run(
            [
                ("create_model", translated(model, job, sdk)),
                ("create_transform_job", _request(request, job, fetched["DataSource"]["S3DataSource"], produced)),
            ],
            read_only=[CODE],
            port=free_port(0),
            grace=settings.stop_grace,
            on_stop=stopping,
        )
        sdk.clear()
        if ended.stop is not None:
            job.update(TransformJobStatus="Stopped", TransformEndTime=now())
        elif ended.error is not None:
            fail(job, f"AlgorithmError: {why_it_ended(ended, job)}")
        else:
            _deliver(produced, request["TransformOutput"]["S3OutputPath"], settings, job)
            job.update(TransformJobStatus="Completed", TransformEndTime=now())
        for folder in (produced, job.path / "model", job.path / "source"):
            shutil.rmtree(folder, ignore_errors=True)
    except (HarnessError, LaunchError, OSError) as error:
        fail(job, f"ClientError: {error}")
    finally:
        log.close()


def _request(request: Mapping[str, Any], job: Job, source: Mapping[str, Any], output: Path) -> Document:
    given, wanted = request["TransformInput"], request["TransformOutput"]
    optional = {key: request[key] for key in ("BatchStrategy", "MaxPayloadInMB", "Environment") if key in request}
    where = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": sdk_uri(local_path(source["S3Uri"]))}}
    return {
        "TransformJobName": job.name,
        "ModelName": job.name,
        "TransformInput": {**given, "DataSource": where},
        "TransformOutput": {**wanted, "S3OutputPath": sdk_uri(output)},
        "TransformResources": request["TransformResources"],
        **optional,
    }


def _deliver(produced: Path, uri: str, settings: EngineSettings, job: Job) -> None:
    """Put outputs in their place, one by one under their names when they are whole; in the run folder too."""
    target = job.path / "output" if is_s3(uri) else local_path(uri)
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(produced.iterdir()):
        beside = target / f".{file.name}.partial"
        shutil.copyfile(file, beside)
        beside.replace(target / file.name)
    if is_s3(uri):
        settings.storage.upload(target, uri)
