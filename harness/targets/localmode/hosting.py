"""An endpoint by the SDK: what surrounds it is the engine's."""

from __future__ import annotations

from harness.engine.hosting import UntilInService, deleting, keep
from harness.engine.hosts import Control, Log
from harness.engine.launcher import Launcher
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, Job, read_json
from harness.targets.localmode.host import Run, SdkHost
from harness.targets.localmode.model_server import CODE, free_port, staged, translated, why_it_ended


def run(job: Job, control: Control, launcher: Launcher) -> None:
    """Serve until somebody deletes the endpoint, or until the container ends. Called in a process of its own."""

    def serve(settings: EngineSettings, log: Log) -> Run:
        return _serve(job, settings, SdkHost(job, control, launcher, log))

    keep(job, serve, lambda ended: why_it_ended(ended, job))


def _serve(job: Job, settings: EngineSettings, sdk: SdkHost) -> Run:
    model, port = staged(job), free_port(settings.port)
    readiness = UntilInService(lambda: f"http://127.0.0.1:{port}", job, sdk.control)
    try:
        ended = sdk.run(
            [
                ("create_model", translated(model, job, sdk)),
                ("create_endpoint_config", {"EndpointConfigName": job.name, "ProductionVariants": [_variant(job)]}),
                ("create_endpoint", {"EndpointName": job.name, "EndpointConfigName": job.name}),
            ],
            read_only=[CODE],
            port=port,
            on_stop=lambda stop: deleting(job),
            companion=readiness,
        )
    finally:
        readiness.join()
    sdk.clear()
    return ended


def _variant(job: Job) -> Document:
    """The SDK looks at nothing of the instance type but whether it is ``local_gpu``."""
    (variant,) = read_json(job.path / "endpoint-config.json")["ProductionVariants"]
    return {
        "VariantName": variant["VariantName"],
        "ModelName": job.name,
        "InitialInstanceCount": 1,
        "InstanceType": variant.get("InstanceType", "local"),
    }
