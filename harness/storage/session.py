"""How the harness opens a session with AWS; with ``targets/remote.py`` the only place that imports boto3."""

from __future__ import annotations

from typing import Any

from harness.errors import MissingCapability
from harness.storage.aws_errors import translated

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
        raise MissingCapability(
            "s3:// and --on remote need boto3, which is not installed: pip install 'sagemaker-harness[remote]'"
        ) from None
    with translated():
        return boto3.Session(region_name=region, profile_name=profile)


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
