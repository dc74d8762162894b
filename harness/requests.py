"""Configuration to AWS requests: pure functions, each giving one document in exactly the shape of AWS's API.

A key is there only if it says something; keys are in the order of the SageMaker Python SDK's own
requests. What lies on this machine is named by a ``file://`` URI until `Locations` says where it was
uploaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.config import Channel, Config
from harness.contract.hyperparameters import NotEncodable, encode
from harness.errors import ConfigurationError
from harness.images import REPOSITORY, image_uri

Request = dict[str, Any]

LOCAL_ROLE = "arn:aws:iam::000000000000:role/harness-local"
"""Role in requests that never leave this machine: of the right form, of an account that does not exist."""
LOCAL_REGION = "us-east-1"
"""Region in such requests where none is configured: in the image's URI and in SAGEMAKER_REGION."""
NAME_LENGTH = 63
CODE_CHANNEL = "/opt/ml/input/data/code"


@dataclass(frozen=True)
class Locations:
    """Where things are that the configuration names as files of this machine."""

    source: str | None = None
    """URI of the packed source (``sourcedir.tar.gz``); None: the folder or file itself."""
    output: str | None = None
    """URI below which jobs write when the configuration does not say; None: the folder of runs."""
    uploaded: Mapping[str, str] = field(default_factory=dict)
    """``file://`` URI to the ``s3://`` URI of its copy."""

    def of(self, uri: str) -> str:
        """Where a URI's data is now."""
        return self.uploaded.get(uri, uri)


HERE = Locations()


def default_job_name(base: str | None, now: datetime) -> str:
    """A name as the SDK makes it: ``iris-2026-11-23-17-34-46-123``; at most 63 characters, the base cut.

    Args:
        base: beginning; None: the name of AWS's image repository, as in the SDK.
        now: a time with a zone; the name has it in UTC.
    """
    from datetime import UTC

    now = now.astimezone(UTC)
    stamp = f"{now:%Y-%m-%d-%H-%M-%S}-{now.microsecond // 1000:03d}"
    return f"{(base or REPOSITORY)[: NAME_LENGTH - len(stamp) - 1]}-{stamp}"


def create_training_job(config: Config, *, job_name: str, locations: Locations = HERE) -> Request:
    """The ``CreateTrainingJob`` request, as SDK v2's ``SKLearn`` estimator would send it.

    Raises:
        ConfigurationError: no entry point; a hyperparameter without a JSON form; an unknown framework
            version; for `remote`, no role or no region.
    """
    channels = [_channel(name, channel, locations) for name, channel in config.channels.items()]
    submit_directory = _source(config, locations)
    if config.enable_network_isolation:
        # Without network the toolkit cannot fetch the source, so it comes as a channel, as in SDK v2.
        packed = submit_directory.endswith(".tar.gz")
        channels.append(_channel("code", Channel(uri=submit_directory), HERE))
        submit_directory = f"{CODE_CHANNEL}/sourcedir.tar.gz" if packed else CODE_CHANNEL
    return _said(
        {
            "TrainingJobName": job_name,
            "AlgorithmSpecification": {
                "TrainingInputMode": "File",
                "TrainingImage": _image(config, "training", config.instance_type),
                "MetricDefinitions": list(config.metric_definitions),
            },
            "OutputDataConfig": {
                "S3OutputPath": _output(config, locations),
                "KmsKeyId": config.output_kms_key,
            },
            "StoppingCondition": {
                "MaxRuntimeInSeconds": config.max_run,
                "MaxWaitTimeInSeconds": config.max_wait,
            },
            "ResourceConfig": _cluster(config, "VolumeKmsKeyId"),
            "RoleArn": _role(config),
            "InputDataConfig": channels,
            "VpcConfig": _vpc(config),
            "HyperParameters": _hyperparameters(config, job_name, submit_directory),
            "Environment": dict(config.environment),
            "RetryStrategy": {"MaximumRetryAttempts": config.max_retry_attempts},
            "Tags": _tags(config),
            "CheckpointConfig": {
                "S3Uri": locations.of(config.checkpoint_s3_uri) if config.checkpoint_s3_uri else None,
                "LocalPath": config.checkpoint_local_path,
            },
            "EnableNetworkIsolation": config.enable_network_isolation or None,
            "EnableInterContainerTrafficEncryption": config.encrypt_inter_container_traffic or None,
            "EnableManagedSpotTraining": config.use_spot_instances or None,
        }
    )


def _said(value: Mapping[str, Any]) -> Request:
    """Without what says nothing: None, empty lists, and tables with nothing but such in them."""
    cleaned = {key: _said(entry) if isinstance(entry, dict) else entry for key, entry in value.items()}
    return {key: entry for key, entry in cleaned.items() if entry is not None and entry not in ({}, [])}


def _channel(name: str, channel: Channel, locations: Locations) -> Request:
    return _said(
        {
            "ChannelName": name,
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": channel.s3_data_type,
                    "S3Uri": locations.of(channel.uri),
                    "S3DataDistributionType": channel.distribution,
                    "AttributeNames": list(channel.attribute_names),
                }
            },
            "ContentType": channel.content_type,
            "CompressionType": channel.compression,
            "RecordWrapperType": channel.record_wrapping,
            "InputMode": channel.input_mode,
            "ShuffleConfig": {"Seed": channel.shuffle_seed},
        }
    )


def _hyperparameters(config: Config, job_name: str, submit_directory: str) -> dict[str, str]:
    """The user's, then those by which SDK v2 tells the toolkit what to run."""
    try:
        return encode(
            {
                **config.hyperparameters,
                "sagemaker_submit_directory": submit_directory,
                "sagemaker_program": _program(config),
                "sagemaker_container_log_level": config.container_log_level,
                "sagemaker_job_name": job_name,
                "sagemaker_region": _region(config),
            }
        )
    except NotEncodable as error:
        raise ConfigurationError(str(error)) from error


def _program(config: Config) -> str:
    if not config.entry_point:
        raise ConfigurationError(
            "There is no script to run: set entry_point in [tool.harness] of pyproject.toml, "
            "or give --entry-point."
        )
    return config.entry_point if config.source_dir else Path(config.entry_point).name


def _source(config: Config, locations: Locations) -> str:
    """URI of the packed source, else of its folder, else of the one script, which is then all there is."""
    _program(config)
    return locations.source or (config.source_dir or Path(str(config.entry_point))).as_uri()


def _output(config: Config, locations: Locations) -> str:
    if config.output_path:
        return locations.of(config.output_path)
    return locations.output or config.runs_dir.as_uri()


def _cluster(config: Config, kms_key: str) -> Request:
    return {
        "InstanceCount": config.instance_count,
        "InstanceType": config.instance_type,
        "VolumeSizeInGB": config.volume_size,
        kms_key: config.volume_kms_key,
    }


def _vpc(config: Config) -> Request:
    return {"SecurityGroupIds": list(config.security_group_ids), "Subnets": list(config.subnets)}


def _tags(config: Config) -> list[Request]:
    return [{"Key": key, "Value": value} for key, value in config.tags.items()]


def _image(config: Config, scope: str, instance_type: str) -> str:
    if config.image_uri:
        return config.image_uri
    return image_uri(config.framework_version, _region(config), scope=scope, instance_type=instance_type)


def _role(config: Config) -> str:
    if config.role:
        return config.role
    if config.on == "remote":
        raise ConfigurationError(
            "A job on AWS needs a role: set role in [tool.harness] of pyproject.toml or HARNESS_ROLE in .env "
            "to the ARN of an IAM role that SageMaker may assume (arn:aws:iam::<account>:role/<name>)."
        )
    return LOCAL_ROLE


def _region(config: Config) -> str:
    if config.region:
        return config.region
    if config.on == "remote":
        raise ConfigurationError(
            "A job on AWS needs a region: set region in [tool.harness] of pyproject.toml, HARNESS_REGION or "
            "AWS_REGION, or give --region."
        )
    return LOCAL_REGION
