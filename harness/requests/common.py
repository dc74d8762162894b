"""What the requests of all jobs have in common: names, locations, image, role, network, tags."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from harness.config import Config
from harness.errors import ConfigurationError
from harness.images import REPOSITORY, image_uri

Request = dict[str, Any]

LOCAL_ROLE = "arn:aws:iam::000000000000:role/harness-local"
"""Role in requests that never leave this machine: of the right form, of an account that does not exist."""
LOCAL_REGION = "us-east-1"
"""Region in such requests where none is configured: in the image's URI and in SAGEMAKER_REGION."""
NAME_LENGTH = 63


class Locations(NamedTuple):
    """Where things are that the configuration names as files of this machine."""

    source: str | None = None
    """URI of the packed source (``sourcedir.tar.gz``); None: the folder or file itself."""
    output: str | None = None
    """URI below which jobs write when the configuration does not say; None: the folder of runs."""
    uploaded: Mapping[str, str] = MappingProxyType({})
    """``file://`` URI to the ``s3://`` URI of its copy."""

    def of(self, uri: str) -> str:
        """Where a URI's data is now."""
        return self.uploaded.get(uri, uri)


HERE = Locations()


def default_job_name(base: str | None, now: datetime, tail: str = "") -> str:
    """A name as the SDK makes it: ``iris-2026-11-23-17-34-46-123``; at most 63 characters, the base cut.

    Args:
        base: beginning; None: the name of AWS's image repository, as in the SDK.
        now: a time with a zone; the name has it in UTC.
        tail: letters and digits that tell two names of one millisecond apart, which the SDK's are not.
    """
    from datetime import UTC

    now = now.astimezone(UTC)
    stamp = f"{now:%Y-%m-%d-%H-%M-%S}-{now.microsecond // 1000:03d}{tail and f'-{tail}'}"
    return f"{(base or REPOSITORY)[: NAME_LENGTH - len(stamp) - 1]}-{stamp}"


def said(value: Mapping[str, Any]) -> Request:
    """Without what says nothing: None, empty lists, and tables with nothing but such in them."""
    cleaned = {key: said(entry) if isinstance(entry, dict) else entry for key, entry in value.items()}
    return {key: entry for key, entry in cleaned.items() if entry is not None and entry not in ({}, [])}


class Script(NamedTuple):
    """What a job runs."""

    program: str
    """Path inside the source."""
    directory: str
    """URI of the packed source, else of its folder, else of the one script, which is then all there is."""


def script_of(entry_point: str | None, source_dir: Path | None, where_to_set: str, locations: Locations) -> Script:
    """The script that a table of the configuration names; ``where_to_set`` is the configuration's word for it.

    Raises:
        ConfigurationError: it names none.
    """
    if not entry_point:
        raise ConfigurationError(f"There is no script to run: {where_to_set}, or give --entry-point.")
    directory = locations.source or (source_dir or Path(entry_point)).as_uri()
    return Script(entry_point if source_dir else Path(entry_point).name, directory)


def output_of(config: Config, locations: Locations) -> str:
    """URI below which jobs write that have not been told where."""
    return locations.output or config.runs_dir.as_uri()


def job_output_of(config: Config, job_name: str, locations: Locations) -> str:
    """URI for the results of one such job."""
    return f"{output_of(config, locations).rstrip('/')}/{job_name}/output"


def vpc_of(config: Config) -> Request:
    """``VpcConfig``; `said` drops it where there is none."""
    return {"SecurityGroupIds": list(config.security_group_ids), "Subnets": list(config.subnets)}


def tags_of(config: Config) -> list[Request]:
    """``Tags``."""
    return [{"Key": key, "Value": value} for key, value in config.tags.items()]


def image_of(config: Config, scope: str, instance_type: str) -> str:
    """URI of the image: the configured one, else AWS's for the framework version in the region."""
    if config.image_uri:
        return config.image_uri
    return image_uri(config.framework_version, region_of(config), scope=scope, instance_type=instance_type)


def role_of(config: Config) -> str:
    """ARN of the role.

    Raises:
        ConfigurationError: there is none, and the job is for AWS.
    """
    if config.role:
        return config.role
    if config.on == "remote":
        raise ConfigurationError(
            f"A job on AWS needs a role: {config.where_to_set('role')}, or HARNESS_ROLE in .env, "
            "to the ARN of an IAM role that SageMaker may assume (arn:aws:iam::<account>:role/<name>). "
            "Without an account: `harness standin -- COMMAND…`."
        )
    return LOCAL_ROLE


def region_of(config: Config) -> str:
    """The region.

    Raises:
        ConfigurationError: there is none, and the job is for AWS.
    """
    if config.region:
        return config.region
    if config.on == "remote":
        raise ConfigurationError(
            f"A job on AWS needs a region: {config.where_to_set('region')}, HARNESS_REGION or AWS_REGION, or give "
            "--region."
        )
    return LOCAL_REGION
