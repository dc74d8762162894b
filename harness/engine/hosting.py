"""An endpoint on this machine: one server process group that lives on after the command that made it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, TypeVar

from harness.engine import serving
from harness.engine.hosts import Control, Ended, Log, Stop, Stopped, run_hosts
from harness.engine.launcher import HostSpec, Launcher, LaunchError
from harness.engine.processes import ProcessLauncher
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, Job, now, read_json, write_json
from harness.errors import HarnessError

E = TypeVar("E", bound=Ended)

_UNHEALTHY = "The primary container for production variant {variant} did not pass the ping health check. "
_GONE = "The primary container for production variant {variant} has ended. "


def describe_new(request: Document, config: Document, settings: EngineSettings) -> Document:
    """The first ``DescribeEndpoint`` document of an endpoint."""
    name, moment = request["EndpointName"], now()
    variant = config["ProductionVariants"][0]
    return {
        "EndpointName": name,
        "EndpointArn": f"arn:aws:sagemaker:{settings.region}:{settings.account}:endpoint/{name.lower()}",
        "EndpointConfigName": request["EndpointConfigName"],
        "ProductionVariants": [
            {
                "VariantName": variant["VariantName"],
                "CurrentWeight": variant.get("InitialVariantWeight", 1.0),
                "DesiredWeight": variant.get("InitialVariantWeight", 1.0),
                "CurrentInstanceCount": 1,
                "DesiredInstanceCount": 1,
            }
        ],
        "EndpointStatus": "Creating",
        "CreationTime": moment,
        "LastModifiedTime": moment,
    }


def stage(job: Job, model: Document, config: Document) -> None:
    """Put into an endpoint's folder what it serves.

    Raises:
        HarnessError: the model's data or code cannot be had.
    """
    write_json(job.path / "model.json", model)
    write_json(job.path / "endpoint-config.json", config)
    serving.stage(model, job.path)


def refusals(config: Mapping[str, Any]) -> Iterator[str]:
    """What in an endpoint configuration this engine cannot honour, by name."""
    elsewhere = "; try --on remote"
    variants = config["ProductionVariants"]
    if len(variants) > 1:
        yield f"ProductionVariants: traffic is not split between {len(variants)} variants here{elsewhere}"
    for variant in variants:
        if "ModelName" not in variant:
            yield f"ProductionVariants.ModelName: inference components cannot be run here{elsewhere}, or name a model"
        if variant.get("InitialInstanceCount", 1) > 1:
            yield f"ProductionVariants.InitialInstanceCount: an endpoint has one host here{elsewhere}, or use 1"
        if "ServerlessConfig" in variant:
            yield f"ProductionVariants.ServerlessConfig: servers are real here{elsewhere}"
    for key in ("DataCaptureConfig", "AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants", "KmsKeyId"):
        if key in config:
            yield f"{key}: this machine has nothing of the kind{elsewhere}"


class UntilInService(serving.Readiness):
    """Marks an endpoint as in service as soon as its server answers."""

    def __init__(self, where: Callable[[], str], job: Job, control: Control) -> None:
        super().__init__(where)
        self.job, self.control = job, control

    def ready(self) -> None:
        """Nothing to do in the thread: the loop marks the endpoint."""

    def receive(self) -> bool:
        """See ``hosts.Companion``."""
        self.hear()
        if not self.late and not self.cancelled.is_set():
            self.job.update(EndpointStatus="InService", EndpointUrl=self.url)
            self.control.notify()
        # A server that nobody could have asked anything yet has nothing to answer: it need not be waited for.
        return self.late or self.cancelled.is_set()


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Serve until somebody deletes the endpoint, or until the server ends. Called in a process of its own."""

    def serve(settings: EngineSettings, log: Log) -> Ended:
        return _serve(job, settings, control, launcher, log)

    def why(ended: Ended) -> str:
        return serving.why_it_ended(job.log, next(iter(ended.exit_codes.values())))

    keep(job, serve, why)


def keep(job: Job, serve: Callable[[EngineSettings, Log], E], why: Callable[[E], str]) -> None:
    """Have an endpoint served, and write down how it ended.

    Args:
        job: the endpoint.
        serve: returns when the server has ended; it takes the endpoint's settings and its log.
        why: the reason of an end that nobody asked for; called when the log is complete.
    """
    log = Log(job.log)
    ended: E | None = None
    try:
        ended = serve(EngineSettings.read(job.path), log)
    except Stopped:  # while what the server needs was installed
        pass
    except (HarnessError, LaunchError, OSError) as error:
        job.update(EndpointStatus="Failed", FailureReason=str(error)[:1024])
        return
    finally:
        log.close()
    if ended is None or ended.stop is not None:
        job.check_there()
        shutil.rmtree(job.path)
        return
    description = job.description
    variant = description["ProductionVariants"][0]["VariantName"]
    what = (_GONE if description["EndpointStatus"] == "InService" else _UNHEALTHY).format(variant=variant)
    job.update(EndpointStatus="Failed", EndpointUrl=None, FailureReason=(what + why(ended))[:1024])


def deleting(job: Job) -> None:
    """Write down that an endpoint is being deleted."""
    job.update(EndpointStatus="Deleting", EndpointUrl=None)


def _serve(job: Job, settings: EngineSettings, control: Control, launcher: Launcher, log: Log) -> Ended:
    def run_to_its_end(spec: HostSpec) -> Ended:
        return run_hosts(ProcessLauncher("none"), [spec], log=log, control=control, grace=0)

    prepared = serving.prepare(
        job.path,
        read_json(job.path / "model.json"),
        settings=settings,
        launcher=launcher,
        variables={},
        log=log,
        run=run_to_its_end,
        port=settings.port,
    )

    def stop(why: Stop) -> None:
        deleting(job)
        prepared.stop()

    with closing(prepared):
        readiness = UntilInService(prepared.url, job, control)
        try:
            return run_hosts(
                prepared.launcher,
                [prepared.spec],
                log=log,
                control=control,
                on_stop=stop,
                companion=readiness,
                grace=serving.DRAIN_LIMIT,
            )
        finally:
            readiness.join()
