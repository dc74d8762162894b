"""A model server by the SDK: what an endpoint and a batch transform job have in common."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from harness.engine import serving
from harness.engine.settings import EngineSettings
from harness.engine.store import Document, Job, read_json
from harness.errors import HarnessError
from harness.targets.localmode.host import Run, SdkHost
from harness.targets.localmode.inputs import sdk_uri

CODE = "/opt/ml/code"


def staged(job: Job) -> Document:
    """The model, its code and data in the job's folder."""
    model = read_json(job.path / "model.json")
    if not (job.path / "model").exists():
        serving.stage(model, job.path, EngineSettings.read(job.path).storage)
    return model


def translated(model: Mapping[str, Any], job: Job, sdk: SdkHost) -> Document:
    """``CreateModel`` of the job's own copies: the SDK would unpack the archive beside the original."""
    variables = {
        **sdk.passed_environment(),
        **serving.container(model).get("Environment", {}),
        "SAGEMAKER_SUBMIT_DIRECTORY": sdk_uri(job.path / "source"),
    }
    primary = {"Image": sdk.image, "ModelDataUrl": sdk_uri(job.path / "model"), "Environment": variables}
    return {"ModelName": job.name, "PrimaryContainer": primary}


def why_it_ended(ended: Run, job: Job) -> str:
    """The server's own last words where it has ended by itself, else the SDK's and what was printed before them."""
    if ended.exit_codes or ended.error is None:
        return serving.why_it_ended(job.log, max(ended.exit_codes.values(), default=0))
    lines = job.log.read_bytes()[-8192:].decode("utf-8", "replace").splitlines()
    return "\n".join([f"{ended.error}. Before that:", *lines[-6:-1]])


def free_port(wanted: int) -> int:
    """A port on the loopback that nobody listens at; Docker takes it a moment later."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as listener:
            port: int = listener.getsockname()[1]
            return port
    except OSError as error:
        raise HarnessError(
            f"Port {wanted} on this machine: {error.strerror}. Choose another --port, or leave it out for a free one."
        ) from None
