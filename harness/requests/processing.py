"""``CreateProcessingJob``."""

from __future__ import annotations

from harness.config import Config, ProcessingInput
from harness.errors import ConfigurationError
from harness.requests.common import (
    HERE,
    Locations,
    Request,
    image_of,
    job_output_of,
    role_of,
    said,
    script_of,
    tags_of,
    vpc_of,
)

PROCESSING = "/opt/ml/processing"
_CODE = "code"


def create_processing_job(config: Config, *, job_name: str, locations: Locations = HERE) -> Request:
    """The ``CreateProcessingJob`` request, as SDK v2's ``SKLearnProcessor`` would send it.

    The script, or the folder that it lies in, is the last input, ``code``.

    Raises:
        ConfigurationError: as for `create_training_job`; or an input has the name of the script's.
    """
    process = config.process
    if _CODE in process.inputs:
        raise ConfigurationError(f"The input '{_CODE}' is the script's own; give yours another name.")
    script = script_of(process.entry_point, process.source_dir, config.where_to_set("process.entry_point"), locations)
    inputs = [
        _processing_input(name, given, locations)
        for name, given in {
            **process.inputs,
            _CODE: ProcessingInput(source=script.directory, destination=f"{PROCESSING}/input/{_CODE}"),
        }.items()
    ]
    job_output = job_output_of(config, job_name, locations)
    outputs = [
        {
            "OutputName": name,
            "S3Output": {
                "S3Uri": locations.of(given.destination or f"{job_output}/{name}"),
                "LocalPath": given.source or f"{PROCESSING}/output/{name}",
                "S3UploadMode": given.upload_mode,
            },
        }
        for name, given in process.outputs.items()
    ]
    instance_type = process.instance_type or config.instance_type
    return said(
        {
            "ProcessingJobName": job_name,
            "ProcessingResources": {
                "ClusterConfig": {
                    "InstanceCount": process.instance_count,
                    "InstanceType": instance_type,
                    "VolumeSizeInGB": process.volume_size or config.volume_size,
                    "VolumeKmsKeyId": config.volume_kms_key,
                }
            },
            "AppSpecification": {
                "ImageUri": image_of(config, "training", instance_type),
                "ContainerEntrypoint": ["python3", f"{PROCESSING}/input/{_CODE}/{script.program}"],
                "ContainerArguments": list(process.arguments),
            },
            "RoleArn": role_of(config),
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {
                "Outputs": outputs,
                "KmsKeyId": config.output_kms_key if outputs else None,
            },
            "Environment": dict(process.environment),
            "NetworkConfig": {
                "EnableNetworkIsolation": config.enable_network_isolation or None,
                "EnableInterContainerTrafficEncryption": config.encrypt_inter_container_traffic or None,
                "VpcConfig": vpc_of(config),
            },
            "StoppingCondition": {"MaxRuntimeInSeconds": process.max_run or config.max_run},
            "Tags": tags_of(config),
        }
    )


def _processing_input(name: str, given: ProcessingInput, locations: Locations) -> Request:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": locations.of(given.source),
            "LocalPath": given.destination or f"{PROCESSING}/input/{name}",
            "S3DataType": given.s3_data_type,
            "S3InputMode": given.input_mode,
            "S3DataDistributionType": given.distribution,
            "S3CompressionType": given.compression,
        },
    }
