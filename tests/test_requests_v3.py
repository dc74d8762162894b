"""The requests, held key by key against what the real SDK v3 sends (tests/golden/record_v3.py recorded it).

Ours are SDK v2's (tests/test_requests.py). SDK v3 says the same in other words, and each of those is listed here.
"""

import json
from pathlib import Path

import pytest

from harness.requests import (
    Locations,
    create_endpoint,
    create_endpoint_config,
    create_model,
    create_processing_job,
    create_training_job,
    create_transform_job,
)
from tests import test_requests as v2
from tests.test_requests import AWS, EVERYTHING, IMAGE, IN_BUCKET, config, differences

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("sdk_v3_requests.json").read_text())
JOB = "iris-MOMENT"
TOOLKITS_OWN = {
    "sagemaker_submit_directory": '"s3://bucket/iris-job/source/sourcedir.tar.gz"',
    "sagemaker_program": '"train.py"',
    "sagemaker_container_log_level": "20",
    "sagemaker_job_name": f'"{JOB}"',
    "sagemaker_region": '"eu-west-1"',
}
THE_SCRIPT = {
    # Ours are run by the toolkit in the image, which these hyperparameters tell what to run.
    **{f"HyperParameters.{name}": (value, None) for name, value in TOOLKITS_OWN.items()},
    # SDK v3's are run by drivers of its own: they and the script come as channels, and the entry point starts them.
    "AlgorithmSpecification.ContainerEntrypoint": (None, ["/bin/bash"]),
    "AlgorithmSpecification.ContainerArguments": (
        None,
        ["-c", "chmod +x /opt/ml/input/data/sm_drivers/sm_train.sh && /opt/ml/input/data/sm_drivers/sm_train.sh"],
    ),
    **{
        f"InputDataConfig[{channel}].{name}": (None, value)
        for channel in ("code", "sm_drivers")
        for name, value in {
            "ChannelName": channel,
            "DataSource.S3DataSource.S3DataType": "S3Prefix",
            "DataSource.S3DataSource.S3DataDistributionType": "FullyReplicated",
            "DataSource.S3DataSource.S3Uri": f"s3://bucket/iris/{JOB}/input/{channel}",
            "InputMode": "File",
        }.items()
    },
    # Said aloud by SDK v3 although the job's TrainingInputMode says it of all channels.
    **{f"InputDataConfig[{channel}].InputMode": (None, "File") for channel in ("train", "test")},
}

SERVED = AWS | {"image_uri": IMAGE, "deploy__environment": {"OMP_NUM_THREADS": "1"}}
MODEL_DATA = "s3://bucket/out/iris/output/model.tar.gz"
ITS_ORIGIN = {
    # SDK v3 marks what it makes with the model's origin.
    "Tags[sagemaker.amazonaws.com/model-source].Key": (None, "sagemaker.amazonaws.com/model-source"),
    "Tags[sagemaker.amazonaws.com/model-source].Value": (None, MODEL_DATA),
}


class TestTraining:
    """CreateTrainingJob, by ModelTrainer."""

    @pytest.mark.parametrize(
        ("case", "settings", "others"),
        [
            (
                "the least",
                {},
                {
                    "HyperParameters": (None, {}),
                    # SDK v3's own choice of a folder, of a deadline (v2's and ours is a day), and AWS's default.
                    "OutputDataConfig.S3OutputPath": ("s3://bucket/", "s3://bucket/iris"),
                    "OutputDataConfig.CompressionType": (None, "GZIP"),
                    "StoppingCondition.MaxRuntimeInSeconds": (86400, 3600),
                },
            ),
            (
                "everything",
                EVERYTHING,
                # A JSON string for SDK v2 and us; SDK v3's drivers take text as it stands.
                {"HyperParameters.criterion": ('"gini"', "gini")},
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_it_is_sdk_v3s_but_for_who_runs_the_script(self, tmp_path, case, settings, others):
        here = config(tmp_path, **AWS | {"image_uri": IMAGE} | settings)
        ours = create_training_job(here, job_name=JOB, locations=IN_BUCKET)
        assert differences(ours, GOLDEN["training"][case]) == THE_SCRIPT | others


class TestOtherRequests:
    """CreateProcessingJob by ScriptProcessor, CreateTransformJob by Transformer, the rest by ModelBuilder."""

    def test_the_processing_job_is_sdk_v3s_but_for_a_default_said_aloud(self, tmp_path):
        ours = create_processing_job(
            config(tmp_path, **v2.TestProcessing.SETTINGS | {"image_uri": IMAGE}),
            job_name="prep-job",
            locations=Locations(source="s3://bucket/prep-job/input/code/preprocess.py"),
        )
        assert differences(ours, GOLDEN["processing"]) == {"NetworkConfig.EnableNetworkIsolation": (None, False)}

    def test_the_transform_job_is_sdk_v3s(self, tmp_path):
        here = config(tmp_path, **v2.TestHosting.SETTINGS)
        ours = create_transform_job(here, job_name="iris-transform", model_name="iris-model")
        assert differences(ours, GOLDEN["transform"]) == {}

    def test_the_model_is_sdk_v3s_but_for_where_its_script_is(self, tmp_path):
        ours = create_model(
            config(tmp_path, **SERVED),
            model_name="iris-model",
            model_data=MODEL_DATA,
            locations=Locations(source="s3://bucket/iris-model/sourcedir.tar.gz"),
        )
        # SDK v3 downloads the model, puts the script in it, and uploads it again; ours stays as the job has left it.
        assert differences(ours, GOLDEN["hosting"]["CreateModel"]) == {
            "PrimaryContainer.ModelDataUrl": (MODEL_DATA, "s3://bucket/iris-model/model.tar.gz"),
            "PrimaryContainer.Environment.SAGEMAKER_SUBMIT_DIRECTORY": (
                "s3://bucket/iris-model/sourcedir.tar.gz",
                "/opt/ml/model/code",
            ),
        }

    def test_the_endpoint_config_is_sdk_v3s_but_for_a_tag(self, tmp_path):
        ours = create_endpoint_config(
            config(tmp_path, **SERVED), endpoint_config_name="iris-endpoint", model_name="iris-model"
        )
        assert differences(ours, GOLDEN["hosting"]["CreateEndpointConfig"]) == ITS_ORIGIN

    def test_the_endpoint_is_sdk_v3s_but_for_a_tag(self, tmp_path):
        ours = create_endpoint(
            config(tmp_path, **SERVED), endpoint_name="iris-endpoint", endpoint_config_name="iris-endpoint"
        )
        assert differences(ours, GOLDEN["hosting"]["CreateEndpoint"]) == ITS_ORIGIN
