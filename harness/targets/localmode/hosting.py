"""An endpoint, and a batch transform job, by the SDK."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.engine import channels, serving
from harness.engine.hosting import _deleting, _UntilInService
from harness.engine.hosts import Control, Log
from harness.engine.launcher import Launcher, LaunchError
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, Job, now, read_json
from harness.engine.supervisor import fail
from harness.errors import HarnessError
from harness.storage import is_s3, local_path
from harness.targets.localmode.host import Run, SdkHost, opened
from harness.targets.localmode.inputs import sdk_uri

_CODE = "/opt/ml/code"


def run_endpoint(job: Job, control: Control, launcher: Launcher) -> None:
    """Serve until somebody deletes the endpoint, or until the container ends. Called in a process of its own."""
    log = Log(job.log)
    try:
        model = _staged(job)
        sdk = SdkHost(job, control, launcher, log, str(serving.container(model).get("Image", "")))
        port = _free_port(sdk.settings.port)
        variant = job.description["ProductionVariants"][0]
        config = {"VariantName": variant["VariantName"], "ModelName": job.name, "InitialInstanceCount": 1}
        readiness = _UntilInService(lambda: f"http://127.0.0.1:{port}", job, control)
        try:
            ended = sdk.run(
                [
                    ("create_model", _translated(model, job, sdk)),
                    (
                        "create_endpoint_config",
                        {
                            "EndpointConfigName": job.name,
                            "ProductionVariants": [{**config, "InstanceType": _instance_type(job)}],
                        },
                    ),
                    ("create_endpoint", {"EndpointName": job.name, "EndpointConfigName": job.name}),
                ],
                read_only=[_CODE],
                port=port,
                on_stop=lambda stop: _deleting(job),
                companion=readiness,
            )
        finally:
            readiness.join()
        if ended.stop is not None:
            shutil.rmtree(job.path)
            return
        what = "has ended" if job.description["EndpointStatus"] == "InService" else "did not pass the ping health check"
        reason = f"The primary container for production variant {variant['VariantName']} {what}. {_why(ended, job)}"
        job.update(EndpointStatus="Failed", EndpointUrl=None, FailureReason=reason[:1024])
        sdk.clear()
    except (HarnessError, LaunchError, OSError) as error:
        job.update(EndpointStatus="Failed", FailureReason=str(error)[:1024])
    finally:
        log.close()


def run_transform(job: Job, control: Control, launcher: Launcher) -> None:
    """Run the job to its end and write down how it ended. Called in a process of its own."""
    log = Log(job.log)
    try:
        request, settings = job.request, EngineSettings.read(job.path)
        source = request["TransformInput"]["DataSource"]["S3DataSource"]
        (fetched,) = channels.fetched([{"DataSource": {"S3DataSource": source}}], settings.storage)
        model = _staged(job)
        sdk = SdkHost(job, control, launcher, log, str(serving.container(model).get("Image", "")))
        produced = opened(job.path.absolute() / "sdk-output")
        ended = sdk.run(
            [
                ("create_model", _translated(model, job, sdk)),
                ("create_transform_job", _transform(request, job, fetched["DataSource"]["S3DataSource"], produced)),
            ],
            read_only=[_CODE],
            port=_free_port(0),
            grace=settings.stop_grace,
            on_stop=lambda stop: _stopping(job),
        )
        sdk.clear()
        if ended.stop is not None:
            job.update(TransformJobStatus="Stopped", TransformEndTime=now())
        elif ended.error is not None:
            fail(job, f"AlgorithmError: {_why(ended, job)}")
        else:
            _deliver(produced, request["TransformOutput"]["S3OutputPath"], settings, job)
            job.update(TransformJobStatus="Completed", TransformEndTime=now())
        for folder in (produced, job.path / "model", job.path / "source"):
            shutil.rmtree(folder, ignore_errors=True)
    except (HarnessError, LaunchError, OSError) as error:
        fail(job, f"ClientError: {error}")
    finally:
        log.close()


def _why(ended: Run, job: Job) -> str:
    """The server's own last words where it has ended by itself, else the SDK's and what was printed before them."""
    if ended.container is not None or ended.error is None:
        return serving.why_it_ended(job.log, ended.container or 0)
    lines = job.log.read_bytes()[-8192:].decode("utf-8", "replace").splitlines()
    return "\n".join([f"{ended.error}. Before that:", *lines[-6:-1]])


def _stopping(job: Job) -> None:
    job.update(TransformJobStatus="Stopping")


def _staged(job: Job) -> Document:
    """The model, its code and data in the job's folder."""
    model = read_json(job.path / "model.json")
    if not (job.path / "model").exists():
        serving.stage(model, job.path, EngineSettings.read(job.path).storage)
    return model


def _translated(model: Mapping[str, Any], job: Job, sdk: SdkHost) -> Document:
    """``CreateModel`` of the job's own copies: the SDK would unpack the archive beside the original."""
    variables = {
        **sdk.passed_environment(),
        **serving.container(model).get("Environment", {}),
        "SAGEMAKER_SUBMIT_DIRECTORY": sdk_uri(job.path / "source"),
    }
    primary = {"Image": sdk.image, "ModelDataUrl": sdk_uri(job.path / "model"), "Environment": variables}
    return {"ModelName": job.name, "PrimaryContainer": primary}


def _transform(request: Mapping[str, Any], job: Job, source: Mapping[str, Any], output: Path) -> Document:
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


def _instance_type(job: Job) -> str:
    """The SDK looks at nothing of it but whether it is ``local_gpu``."""
    config = read_json(job.path.parent.parent / "_endpoint-configs" / f"{job.description['EndpointConfigName']}.json")
    return str(config["ProductionVariants"][0].get("InstanceType", "local"))


def _free_port(wanted: int) -> int:
    """A port on the loopback that nobody listens at; Docker takes it a moment later."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as listener:
            port: int = listener.getsockname()[1]
            return port
    except OSError as error:
        raise HarnessError(
            f"Port {wanted} on this machine: {error.strerror}. Choose another --port, or leave it out for a free one."
        ) from None
