"""``--on container``: the engine of this machine, hosts as containers of the SageMaker image.

Everything but the starting of hosts is as in ``--on local``. The image is AWS's own where it has been pulled, else the
local one of the same framework version (``harness image build``).
"""

from __future__ import annotations

from harness.config import Config
from harness.engine.client import EngineClient
from harness.engine.settings import EngineSettings
from harness.requests import LOCAL_REGION
from harness.targets.local import LocalTarget


class ContainerTarget(LocalTarget):
    """``EngineClient`` with containers, and its jobs' logs, which are files."""

    name = "container"


def open_target(config: Config) -> ContainerTarget:
    """The engine with this configuration's settings; Docker and the image are looked for when something is to run."""
    settings = EngineSettings(
        launcher="containers",
        instance_limits=config.instance_limits,
        stop_grace=config.stop_grace,
        pass_environment=config.pass_environment,
        allow_secrets=config.allow_secrets,
        region=config.region or LOCAL_REGION,
        profile=config.profile,
        port=config.deploy.port or 0,
        cache=str(config.cache),
    )
    return ContainerTarget(EngineClient(config.runs_dir, settings, for_command=True))
