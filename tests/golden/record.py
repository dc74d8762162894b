"""Record the requests that the real SageMaker Python SDK v2 sends, without any AWS behind it.

    python -m venv /somewhere && /somewhere/bin/pip install sagemaker==2.257.7
    /somewhere/bin/python tests/golden/record.py

writes ``sdk_v2_requests.json`` beside this file. S3 and STS are replaced by objects that accept everything; what
the SDK hands to boto3's ``sagemaker`` client is recorded, so nothing of the SDK's own is replaced.
"""

import json
import os
import tarfile
import tempfile
from pathlib import Path
from unittest import mock

os.environ["AWS_DEFAULT_REGION"] = "eu-west-1"
os.environ["SAGEMAKER_TELEMETRY_OPT_OUT"] = "true"

import sagemaker
from sagemaker import image_uris
from sagemaker.inputs import ShuffleConfig, TrainingInput
from sagemaker.network import NetworkConfig
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn import SKLearn, SKLearnModel, SKLearnProcessor
from sagemaker.utils import name_from_base

ROLE = "arn:aws:iam::123456789012:role/lab"
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
FULL = {
    "hyperparameters": {
        "max_leaf_nodes": 30,
        "criterion": "gini",
        "alpha": 1e-5,
        "sizes": [1, 2],
        "flag": True,
    },
    "metric_definitions": [{"Name": "test:accuracy", "Regex": "test_accuracy=([0-9.]+)"}],
    "environment": {"OMP_NUM_THREADS": "1"},
    "tags": [{"Key": "team", "Value": "lab"}],
    "subnets": ["subnet-0123456789abcdef0"],
    "security_group_ids": ["sg-0123456789abcdef0"],
    "output_path": "s3://bucket/out",
    "output_kms_key": "arn:aws:kms:eu-west-1:123456789012:key/out",
    "volume_kms_key": "arn:aws:kms:eu-west-1:123456789012:key/disk",
    "volume_size": 50,
    "max_run": 3600,
    "max_wait": 7200,
    "use_spot_instances": True,
    "checkpoint_s3_uri": "s3://bucket/checkpoints",
    "checkpoint_local_path": "/opt/ml/checkpoints",
    "max_retry_attempts": 2,
    "encrypt_inter_container_traffic": True,
}


class Recorder:
    """The calls that change anything on AWS, by operation."""

    def __init__(self):
        self.requests = {}
        self.client = mock.MagicMock()
        for operation in (
            "create_training_job",
            "create_processing_job",
            "create_model",
            "create_endpoint_config",
            "create_endpoint",
            "create_transform_job",
        ):
            getattr(self.client, operation).side_effect = lambda _op=operation, **kw: self.requests.update({_op: kw})
        self.client.describe_training_job.return_value = {
            "TrainingJobStatus": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://bucket/out/iris/output/model.tar.gz"},
        }
        boto = mock.MagicMock(region_name="eu-west-1")
        self.session = sagemaker.Session(
            boto_session=boto,
            sagemaker_client=self.client,
            sagemaker_runtime_client=mock.MagicMock(),
            default_bucket="bucket",
            sagemaker_config={},
        )


def training(**how):
    recorder = Recorder()
    inputs = how.pop("inputs", {"train": "s3://bucket/data/train", "test": "s3://bucket/data/test"})
    estimator = SKLearn(
        entry_point="train.py",
        role=ROLE,
        instance_type="ml.m5.large",
        py_version="py3",
        sagemaker_session=recorder.session,
        **how,
    )
    estimator.fit(inputs, wait=False, job_name="iris-job")
    return recorder.requests["create_training_job"]


def processing():
    recorder = Recorder()
    processor = SKLearnProcessor(
        framework_version="1.2-1",
        role=ROLE,
        instance_type="ml.m5.large",
        instance_count=1,
        env={"OMP_NUM_THREADS": "1"},
        tags=[{"Key": "team", "Value": "lab"}],
        network_config=NetworkConfig(subnets=["subnet-0123456789abcdef0"], security_group_ids=["sg-0123456789abcdef0"]),
        sagemaker_session=recorder.session,
        volume_kms_key="disk-key",
        output_kms_key="out-key",
        max_runtime_in_seconds=3600,
    )
    processor.run(
        code="preprocess.py",
        inputs=[ProcessingInput("s3://bucket/raw", "/opt/ml/processing/input", input_name="raw")],
        outputs=[
            ProcessingOutput("/opt/ml/processing/train", "s3://bucket/data/train", "train"),
            ProcessingOutput("/opt/ml/processing/test", "s3://bucket/data/test", "test", "Continuous"),
        ],
        arguments=["--test-size", "0.2"],
        wait=False,
        job_name="prep-job",
    )
    return recorder.requests["create_processing_job"]


def hosting():
    recorder = Recorder()
    model = SKLearnModel(
        model_data="s3://bucket/out/iris/output/model.tar.gz",
        role=ROLE,
        entry_point="train.py",
        image_uri=IMAGE,
        env={"OMP_NUM_THREADS": "1"},
        model_server_workers=2,
        vpc_config={"Subnets": ["subnet-0123456789abcdef0"], "SecurityGroupIds": ["sg-0123456789abcdef0"]},
        name="iris-model",
        sagemaker_session=recorder.session,
    )
    model.deploy(
        1,
        "ml.m5.large",
        endpoint_name="iris-endpoint",
        tags=[{"Key": "team", "Value": "lab"}],
        kms_key="disk-key",
        wait=False,
    )
    transformer = model.transformer(
        1,
        "ml.m5.large",
        strategy="MultiRecord",
        assemble_with="Line",
        output_path="s3://bucket/predictions",
        output_kms_key="out-key",
        accept="text/csv",
        env={"OMP_NUM_THREADS": "2"},
        max_concurrent_transforms=4,
        max_payload=6,
        tags=[{"Key": "team", "Value": "lab"}],
        volume_kms_key="disk-key",
    )
    transformer.transform(
        "s3://bucket/to-predict",
        content_type="text/csv",
        compression_type="Gzip",
        split_type="Line",
        job_name="iris-transform",
        input_filter="$[1:]",
        output_filter="$[-1]",
        join_source="Input",
        model_client_config={"InvocationsTimeoutInSeconds": 60, "InvocationsMaxRetries": 1},
        wait=False,
    )
    return recorder.requests


def names():
    """What the SDK calls a job, by base and time (seconds since 1970)."""
    recorded = []
    for base in ("iris", "sagemaker-scikit-learn", "a-name-so-long-that-it-has-to-be-cut-somewhere"):
        for moment in (1795455286.123, 1767225600.0, 1767225599.9996, 1767225600.05):
            with mock.patch("time.time", lambda now=moment: now):
                recorded.append({"base": base, "time": moment, "name": name_from_base(base)})
    return recorded


def images():
    """Image URIs as the SDK resolves them; None where it has none."""
    regions = image_uris.config_for_framework("sklearn")["training"]["versions"]["1.2-1"]["registries"]
    asked = [("1.2-1", region, "training", "ml.m5.large") for region in regions]
    for scope in ("training", "inference"):
        asked += [(version, "us-east-1", scope, "ml.m5.large") for version in ("0.23-1", "1.0-1", "1.4-2")]
    asked += [(version, "us-east-1", "inference", "ml.c6g.large") for version in ("1.0-1", "1.2-1")]
    recorded = []
    for version, region, scope, instance in asked:
        try:
            uri = image_uris.retrieve("sklearn", region, version, image_scope=scope, instance_type=instance)
        except (ValueError, KeyError):
            uri = None
        recorded.append({"version": version, "region": region, "scope": scope, "instance_type": instance, "uri": uri})
    return recorded


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in ("train.py", "preprocess.py"):
            Path(name).write_text("")
        Path("source").mkdir()
        Path("source", "train.py").write_text("")
        with tarfile.open("model.tar.gz", "w:gz"):
            pass
        every = {
            "train": TrainingInput(
                "s3://bucket/data/train",
                distribution="ShardedByS3Key",
                compression="Gzip",
                content_type="text/csv",
                record_wrapping="RecordIO",
                input_mode="Pipe",
                s3_data_type="AugmentedManifestFile",
                attribute_names=["source-ref", "label"],
                shuffle_config=ShuffleConfig(7),
            )
        }
        recorded = {
            "sdk": f"sagemaker {sagemaker.__version__}",
            "training": {
                "the least": training(framework_version="1.2-1", source_dir="source"),
                "everything": training(image_uri=IMAGE, source_dir="source", **FULL),
                "a channel with everything": training(framework_version="1.2-1", source_dir="source", inputs=every),
                "no network": training(framework_version="1.2-1", source_dir="source", enable_network_isolation=True),
                "a script alone": training(framework_version="1.2-1"),
            },
            "processing": processing(),
            "hosting": hosting(),
            "names": names(),
            "images": images(),
        }
    text = json.dumps(recorded, indent=1) + "\n"
    Path(__file__).with_name("sdk_v2_requests.json").write_text(text)


if __name__ == "__main__":
    __file__ = str(Path(__file__).absolute())
    main()
