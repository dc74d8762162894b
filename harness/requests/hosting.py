"""``CreateModel``, ``CreateEndpointConfig``, ``CreateEndpoint`` and ``CreateTransformJob``."""

from __future__ import annotations

from harness.config import Config
from harness.errors import ConfigurationError
from harness.requests.common import (
    HERE,
    Locations,
    Request,
    image_of,
    job_output_of,
    region_of,
    role_of,
    said,
    script_of,
    tags_of,
    vpc_of,
)

CODE_IN_MODEL = "/opt/ml/model/code"


def create_model(config: Config, *, model_name: str, model_data: str, locations: Locations = HERE) -> Request:
    """The ``CreateModel`` request, as SDK v2's ``SKLearnModel`` would send it.

    Args:
        config: ``deploy``'s entry point and source, or the training job's, which may be the same script.
        model_name: name of the model.
        model_data: URI of ``model.tar.gz``. With network isolation it has to hold the source in its folder
            ``code``, as SDK v2 packs it then.
        locations: where the source is.

    Raises:
        ConfigurationError: as for `create_training_job`.
    """
    deploy = config.deploy
    script = script_of(
        deploy.entry_point or config.entry_point,
        deploy.source_dir or config.source_dir,
        config.where_to_set("deploy.entry_point"),
        locations,
    )
    variables = {
        "SAGEMAKER_PROGRAM": script.program,
        "SAGEMAKER_SUBMIT_DIRECTORY": CODE_IN_MODEL if config.enable_network_isolation else script.directory,
        "SAGEMAKER_CONTAINER_LOG_LEVEL": str(config.container_log_level),
        "SAGEMAKER_REGION": region_of(config),
    }
    if config.model_server_workers is not None:
        variables["SAGEMAKER_MODEL_SERVER_WORKERS"] = str(config.model_server_workers)
    if config.model_server_timeout is not None:
        variables["SAGEMAKER_MODEL_SERVER_TIMEOUT"] = str(config.model_server_timeout)
    return said(
        {
            "ModelName": model_name,
            "ExecutionRoleArn": role_of(config),
            "PrimaryContainer": {
                "Image": image_of(config, "inference", _serving_instance(config)),
                "Environment": {**deploy.environment, **variables},
                "ModelDataUrl": locations.of(model_data),
            },
            "Tags": tags_of(config),
            "VpcConfig": vpc_of(config),
            "EnableNetworkIsolation": config.enable_network_isolation or None,
        }
    )


def create_endpoint_config(config: Config, *, endpoint_config_name: str, model_name: str) -> Request:
    """The ``CreateEndpointConfig`` request: one variant, ``AllTraffic``, as SDK v2's ``deploy`` sends it."""
    return said(
        {
            "EndpointConfigName": endpoint_config_name,
            "ProductionVariants": [
                {
                    "VariantName": "AllTraffic",
                    "ModelName": model_name,
                    "InitialVariantWeight": 1,
                    "InitialInstanceCount": config.deploy.initial_instance_count,
                    "InstanceType": _serving_instance(config),
                }
            ],
            "Tags": tags_of(config),
            "KmsKeyId": config.volume_kms_key,
        }
    )


def create_endpoint(config: Config, *, endpoint_name: str, endpoint_config_name: str) -> Request:
    """The ``CreateEndpoint`` request."""
    return said({"EndpointName": endpoint_name, "EndpointConfigName": endpoint_config_name, "Tags": tags_of(config)})


def create_transform_job(config: Config, *, job_name: str, model_name: str, locations: Locations = HERE) -> Request:
    """The ``CreateTransformJob`` request, as SDK v2's ``Transformer`` would send it.

    Raises:
        ConfigurationError: there is no input.
    """
    transform = config.transform
    if not transform.input:
        raise ConfigurationError(
            f"There is nothing to predict: {config.where_to_set('transform.input')}, or give --input."
        )
    return said(
        {
            "TransformJobName": job_name,
            "ModelName": model_name,
            "TransformInput": {
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": transform.s3_data_type,
                        "S3Uri": locations.of(transform.input),
                    }
                },
                "ContentType": transform.content_type,
                "CompressionType": transform.compression,
                "SplitType": transform.split_type,
            },
            "TransformOutput": {
                "S3OutputPath": locations.of(transform.output or job_output_of(config, job_name, locations)),
                "KmsKeyId": config.output_kms_key,
                "AssembleWith": transform.assemble_with,
                "Accept": transform.accept,
            },
            "TransformResources": {
                "InstanceCount": transform.instance_count,
                "InstanceType": transform.instance_type or config.instance_type,
                "VolumeKmsKeyId": config.volume_kms_key,
            },
            "BatchStrategy": transform.strategy,
            "MaxConcurrentTransforms": transform.max_concurrent_transforms,
            "MaxPayloadInMB": transform.max_payload,
            "Environment": dict(transform.environment),
            "Tags": tags_of(config),
            "DataProcessing": {
                "InputFilter": transform.input_filter,
                "OutputFilter": transform.output_filter,
                "JoinSource": transform.join_source,
            },
            "ModelClientConfig": {
                "InvocationsTimeoutInSeconds": transform.invocations_timeout,
                "InvocationsMaxRetries": transform.invocations_max_retries,
            },
        }
    )


def _serving_instance(config: Config) -> str:
    return config.deploy.instance_type or config.instance_type
