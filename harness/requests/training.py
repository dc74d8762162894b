"""``CreateTrainingJob``."""

from __future__ import annotations

from harness.config import Channel, Config
from harness.contract.hyperparameters import NotEncodable, encode
from harness.errors import ConfigurationError
from harness.requests.common import (
    HERE,
    Locations,
    Request,
    Script,
    image_of,
    output_of,
    region_of,
    role_of,
    said,
    script_of,
    tags_of,
    vpc_of,
)

CODE_CHANNEL = "/opt/ml/input/data/code"

_OURS = {
    "sagemaker_submit_directory": "source_dir",
    "sagemaker_program": "entry_point",
    "sagemaker_container_log_level": "container_log_level",
    "sagemaker_job_name": "job_name",
    "sagemaker_region": "region",
}
"""Hyperparameters that the request needs for itself, and the setting that each is made from."""


def create_training_job(config: Config, *, job_name: str, locations: Locations = HERE) -> Request:
    """The ``CreateTrainingJob`` request, as SDK v2's ``SKLearn`` estimator would send it.

    Raises:
        ConfigurationError: no entry point; a hyperparameter without a JSON form; an unknown framework
            version; for `remote`, no role or no region.
    """
    channels = [_channel(name, channel, locations) for name, channel in config.channels.items()]
    script = script_of(config.entry_point, config.source_dir, config.where_to_set("entry_point"), locations)
    if config.enable_network_isolation:
        # Without network the toolkit cannot fetch the source, so it comes as a channel, as in SDK v2.
        channels.append(_channel("code", Channel(uri=script.directory), HERE))
        packed = script.directory.endswith(".tar.gz")
        script = script._replace(directory=f"{CODE_CHANNEL}/sourcedir.tar.gz" if packed else CODE_CHANNEL)
    return said(
        {
            "TrainingJobName": job_name,
            "AlgorithmSpecification": {
                "TrainingInputMode": "File",
                "TrainingImage": image_of(config, "training", config.instance_type),
                "MetricDefinitions": [{"Name": each.Name, "Regex": each.Regex} for each in config.metric_definitions],
            },
            "OutputDataConfig": {
                "S3OutputPath": locations.of(config.output_path or output_of(config, locations)),
                "KmsKeyId": config.output_kms_key,
            },
            "StoppingCondition": {
                "MaxRuntimeInSeconds": config.max_run,
                "MaxWaitTimeInSeconds": config.max_wait,
            },
            "ResourceConfig": {
                "InstanceCount": config.instance_count,
                "InstanceType": config.instance_type,
                "VolumeSizeInGB": config.volume_size,
                "VolumeKmsKeyId": config.volume_kms_key,
            },
            "RoleArn": role_of(config),
            "InputDataConfig": channels,
            "VpcConfig": vpc_of(config),
            "HyperParameters": _hyperparameters(config, job_name, script),
            "Environment": dict(config.environment),
            "RetryStrategy": {"MaximumRetryAttempts": config.max_retry_attempts},
            "Tags": tags_of(config),
            "CheckpointConfig": {
                "S3Uri": locations.of(config.checkpoint_s3_uri) if config.checkpoint_s3_uri else None,
                "LocalPath": config.checkpoint_local_path,
            },
            "EnableNetworkIsolation": config.enable_network_isolation or None,
            "EnableInterContainerTrafficEncryption": config.encrypt_inter_container_traffic or None,
            "EnableManagedSpotTraining": config.use_spot_instances or None,
        }
    )


def _channel(name: str, channel: Channel, locations: Locations) -> Request:
    return said(
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


def _hyperparameters(config: Config, job_name: str, script: Script) -> dict[str, str]:
    """The user's, then those by which SDK v2 tells the toolkit what to run.

    The toolkit keeps other names that begin with ``sagemaker_`` from the script's arguments; such a hyperparameter is
    sent as it is, and is treated here as there (sagemaker-training 4.8.0, run).
    """
    ours = (
        script.directory,
        script.program,
        config.container_log_level,
        job_name,
        region_of(config),
    )
    problems = [problem for name in config.hyperparameters if (problem := _misnamed(config, name))]
    if problems:
        raise ConfigurationError("\n  ".join(problems))
    try:
        return encode({**config.hyperparameters, **dict(zip(_OURS, ours, strict=True))})
    except NotEncodable as error:
        raise ConfigurationError(str(error)) from error


def _misnamed(config: Config, name: str) -> str | None:
    """Why a hyperparameter cannot have its name, and where it was given; None if it can."""
    where = config.sources.get(f"hyperparameters.{name}")
    if not name:
        return f"{where}: a hyperparameter has no name; write NAME=VALUE, or leave it out."
    if name in _OURS:
        return (
            f"{where}: hyperparameter {name} is the request's own and would be overwritten; set {_OURS[name]} instead."
        )
    return None
