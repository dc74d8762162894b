"""How the harness opens a session with AWS; with ``targets/remote.py`` the only place that imports boto3."""

from __future__ import annotations

from functools import cache
from typing import Any

from harness.errors import MissingCapability
from harness.storage.aws_errors import NO_BOTO3, translated

CONNECTIONS = 10
"""Transfers at a time, each with a connection of its own; as many as boto3's own transfers use."""


def open_session(region: str | None, profile: str | None) -> Any:
    """A ``boto3.Session`` of the standard chain of credentials and regions.

    Raises:
        MissingCapability: boto3 is not installed.
        ConfigurationError: there is no such profile.
    """
    try:
        import boto3
    except ImportError:
        raise MissingCapability(NO_BOTO3) from None
    import botocore.session

    with translated():
        session = botocore.session.Session(profile=profile)
        session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
        return boto3.Session(region_name=region, botocore_session=session)


@cache
def _loader(search_path: str | None) -> Any:
    """What reads botocore's models: megabytes of JSON, once for all sessions of a process and of those it forks."""
    from botocore.loaders import create_loader

    return create_loader(search_path)


def load_libraries() -> None:
    """Import boto3 and read what a client of S3 needs, ahead of time; without credentials, and asking nobody."""
    from botocore import UNSIGNED

    open_session("us-east-1", None).client("s3", config=client_config(signature_version=UNSIGNED))


def client_config(**more: Any) -> Any:
    """How our clients behave: named to AWS, patient with throttling, with as many connections as we have threads."""
    import botocore
    from botocore.config import Config

    from harness import __version__

    return Config(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=10,
        max_pool_connections=CONNECTIONS,
        # Given whole: botocore would put its own together, of thirty parts, for every one of a thousand uploads.
        user_agent=f"sagemaker-harness/{__version__} Botocore/{botocore.__version__}",
        **more,
    )
