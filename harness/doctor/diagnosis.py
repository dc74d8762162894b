"""All areas, one after the other."""

from __future__ import annotations

from harness.config import Config
from harness.doctor import aws, containers, local, localmode, machine, standin
from harness.doctor.checks import Diagnosis


def diagnose(config: Config, *, online: bool = False) -> Diagnosis:
    """Look at this machine; must be called without other threads.

    Args:
        config: what would be run here.
        online: whether AWS may be asked who we are.
    """
    return Diagnosis(
        (
            *machine.look(config),
            *local.look(config),
            *containers.look(config),
            *localmode.look(),
            *aws.look(config, online=online),
            *standin.look(),
        )
    )
