"""What ``remote`` stands for in a comparison: AWS only if the user asks for it by name, else a stand-in for it.

A comparison costs nothing and needs nobody's account unless somebody wants it to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

from harness.config import Config
from harness.doctor.aws import asked as asked_instead
from harness.engine.processes import Isolation
from harness.engine.settings import EngineSettings
from harness.errors import HarnessError, MissingCapability
from harness.requests import LOCAL_REGION
from harness.storage.aws_errors import translated
from harness.storage.session import open_session

_ENDPOINTS = ("AWS_ENDPOINT_URL_SAGEMAKER", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class Remote:
    """Where jobs of the target ``remote`` go."""

    config: Config
    note: str
    """Who answers, for people."""
    ran_by: str
    """The target that really runs its jobs."""


@contextmanager
def opened(configure: Callable[[str], Config], *, asked: bool) -> Iterator[Remote]:
    """Whoever answers for AWS, for as long as the target is visited.

    Args:
        configure: gives the configuration for a target.
        asked: whether the user has named this target.

    Raises:
        MissingCapability: nobody does: the stand-in is not installed.
        ConfigurationError: the configuration lacks what jobs on AWS need.
    """
    here = configure("local")
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    if endpoint is not None:
        yield Remote(configure("remote"), asked_instead(endpoint).finding, "local")
    elif asked and _has_credentials(here):
        yield Remote(configure("remote"), "AWS itself", "remote")
    else:
        with _standing_in(configure, here) as remote:
            yield remote


@contextmanager
def _standing_in(configure: Callable[[str], Config], here: Config) -> Iterator[Remote]:
    from harness.standin.standin import Options, running

    options = Options(region=here.region or LOCAL_REGION, settings=_engine_settings(here))
    with running(options) as standin:
        # What the user has set for his own account means nothing to this one.
        config = replace(
            configure("remote"),
            profile=None,
            role=standin.variables["HARNESS_ROLE"],
            region=options.region,
            default_bucket=None,
            default_bucket_prefix=None,
        )
        note = "a stand-in for AWS on this machine, made of plain processes; not AWS"
        yield Remote(config, note, "local")


def _engine_settings(config: Config) -> EngineSettings:
    return EngineSettings(
        isolation=cast(Isolation, config.isolation),
        python=str(config.python) if config.python else None,
        stop_grace=config.stop_grace,
        pass_environment=config.pass_environment,
        cache=str(config.cache),
    )


def _has_credentials(config: Config) -> bool:
    try:
        session = open_session(config.region, config.profile)
        with translated():
            return session.get_credentials() is not None
    except MissingCapability:
        return False
    except HarnessError:
        return True  # there is something of the kind, and what is wrong with it will be said
