"""``--on localmode``: the local mode of the SageMaker Python SDK, v2 or v3, whichever is installed.

A job is kept, described, followed and stopped as ``--on local`` does it (`client` names this package as the engine's
``runners``), and is run by the SDK's own ``LocalSagemakerClient`` in a process of its own, the only one that imports
the SDK. What that one would do to its
caller is kept from it:

* it is given copies of source and model, and mounts inputs read-only; alone it would mount the originals to be
  written to;
* it has no AWS credentials and hence puts none into containers, and sends no telemetry; what is in S3 is read and
  written by the harness;
* deadlines and stops, of which it knows nothing, are kept from outside, as AWS keeps them;
* its containers, its network and its temporary folders are removed, also after Ctrl-C and ``kill -9``;
* its ports are on the loopback;
* every container's exit code counts, and in a batch transform every HTTP status.

What it cannot honour is refused by name (`refusals`). What remains different from AWS is what a script sees: host
names with a random ending, a terminal as standard output, no ``SM_INSTANCE_GROUPS``, no ``TRAINING_JOB_ARN``; in a
batch transform CRLF arrives as LF, and one more newline follows each response; a processing job has no ExitMessage.
"""

from __future__ import annotations

from harness.config import Config
from harness.engine.settings import EngineSettings
from harness.requests import LOCAL_REGION
from harness.targets.local import LocalTarget
from harness.targets.localmode.client import LocalModeClient
from harness.targets.localmode.runtime import LocalModeRuntime


class LocalModeTarget(LocalTarget):
    """``LocalModeClient``, and its jobs' logs, which are files."""

    name = "localmode"

    @property
    def runtime(self) -> LocalModeRuntime:
        """Has the verbs of ``boto3.client("sagemaker-runtime")``."""
        return LocalModeRuntime(self.client)


def open_target(config: Config) -> LocalModeTarget:
    """The SDK's local mode with this configuration's settings; the SDK is looked for when something is to run."""
    settings = EngineSettings(
        stop_grace=config.stop_grace,
        pass_environment=config.pass_environment,
        allow_secrets=config.allow_secrets,
        region=config.region or LOCAL_REGION,
        profile=config.profile,
        port=config.deploy.port or 0,
        cache=str(config.cache),
    )
    return LocalModeTarget(LocalModeClient(config.runs_dir, settings))
