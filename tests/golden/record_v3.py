"""Record the requests that the real SageMaker Python SDK v3 sends, without any AWS behind it.

    python -m venv /somewhere && /somewhere/bin/pip install sagemaker-train==1.27.0 sagemaker-serve==1.27.0
    /somewhere/bin/python tests/golden/record_v3.py

writes ``sdk_v3_requests.json`` beside this file. Every request is recorded as botocore is given it, and answered before
it is sent; nothing of the SDK's own is replaced. Moments in names are replaced by words.
"""

import gzip
import io
import json
import os
import re
import tempfile
from importlib.metadata import version
from pathlib import Path

os.environ |= {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "SAGEMAKER_TELEMETRY_OPT_OUT": "true",
}

import boto3
from botocore.awsrequest import AWSResponse, HeadersDict
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import (
    CheckpointConfig,
    OutputDataConfig,
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.training.configs import (
    Compute,
    InputData,
    MetricDefinition,
    Networking,
    RetryStrategy,
    SourceCode,
    StoppingCondition,
    Tag,
)
from sagemaker.core.transformer import Transformer
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer

ROLE = "arn:aws:iam::123456789012:role/lab"
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
KEYS = "arn:aws:kms:eu-west-1:123456789012:key"
EMPTY_ARCHIVE = gzip.compress(bytes(10240))
CHANNELS = [InputData(channel_name=name, data_source=f"s3://bucket/data/{name}") for name in ("train", "test")]
FULL = {
    "hyperparameters": {"max_leaf_nodes": 30, "criterion": "gini", "alpha": 1e-5, "sizes": [1, 2], "flag": True},
    "environment": {"OMP_NUM_THREADS": "1"},
    "tags": [Tag(key="team", value="lab")],
    "networking": Networking(
        subnets=["subnet-0123456789abcdef0"],
        security_group_ids=["sg-0123456789abcdef0"],
        enable_inter_container_traffic_encryption=True,
    ),
    "output_data_config": OutputDataConfig(s3_output_path="s3://bucket/out", kms_key_id=f"{KEYS}/out"),
    "compute": Compute(
        instance_type="ml.m5.large",
        instance_count=1,
        volume_size_in_gb=50,
        volume_kms_key_id=f"{KEYS}/disk",
        enable_managed_spot_training=True,
    ),
    "stopping_condition": StoppingCondition(max_runtime_in_seconds=3600, max_wait_time_in_seconds=7200),
    "checkpoint_config": CheckpointConfig(s3_uri="s3://bucket/checkpoints", local_path="/opt/ml/checkpoints"),
}


class Recorder:
    """A session whose requests go nowhere."""

    def __init__(self):
        self.requests = {}
        boto = boto3.Session()
        events = boto._session.get_component("event_emitter")
        events.register("provide-client-params.sagemaker", self.record)
        events.register("before-send", self.answer)
        self.session = Session(boto_session=boto, default_bucket="bucket", sagemaker_config={})

    def record(self, params, model, **_):
        if model.name.startswith("Create"):
            self.requests[model.name] = params

    def answer(self, request, event_name, **_):
        service, operation = event_name.split(".")[-2:]
        status, body = 200, f"<{operation}Response><{operation}Result/></{operation}Response>".encode()
        if service == "sagemaker":
            # Who asks for a description hears the name that was asked for.
            body = json.dumps(json.loads(request.body) | {"EndpointArn": "arn:aws:sagemaker:none"}).encode()
        elif service == "s3":
            body = {"HeadObject": b"", "GetObject": EMPTY_ARCHIVE}.get(operation, b"<Result><Buckets/></Result>")
        elif service == "iam":  # few may look at roles, and the SDK does without
            status, body = 403, b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        headers = HeadersDict({"Content-Length": str(len(EMPTY_ARCHIVE)), "ETag": '"none"'}) if service == "s3" else {}
        return AWSResponse(request.url, status, headers, Body(body))


class Body(io.BytesIO):
    """What botocore reads of an answer."""

    def stream(self, **_):
        yield self.read()


def training(**how):
    recorder = Recorder()
    trainer = ModelTrainer(
        training_image=IMAGE,
        role=ROLE,
        base_job_name="iris",
        source_code=SourceCode(source_dir="source", entry_script="train.py"),
        sagemaker_session=recorder.session,
        **{"compute": Compute(instance_type="ml.m5.large", instance_count=1), **how},
    )
    if "tags" in how:  # everything
        trainer = trainer.with_retry_strategy(RetryStrategy(maximum_retry_attempts=2)).with_metric_definitions(
            [MetricDefinition(name="test:accuracy", regex="test_accuracy=([0-9.]+)")]
        )
    trainer.train(CHANNELS, wait=False)
    return recorder.requests["CreateTrainingJob"]


def processing():
    recorder = Recorder()
    processor = ScriptProcessor(
        image_uri=IMAGE,
        command=["python3"],
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
    places = {"train": "EndOfJob", "test": "Continuous"}
    raw = ProcessingS3Input(
        s3_uri="s3://bucket/raw", local_path="/opt/ml/processing/input", s3_data_type="S3Prefix", s3_input_mode="File"
    )
    processor.run(
        code="preprocess.py",
        inputs=[ProcessingInput(input_name="raw", s3_input=raw)],
        outputs=[
            ProcessingOutput(
                output_name=name,
                s3_output=ProcessingS3Output(
                    s3_uri=f"s3://bucket/data/{name}", local_path=f"/opt/ml/processing/{name}", s3_upload_mode=mode
                ),
            )
            for name, mode in places.items()
        ],
        arguments=["--test-size", "0.2"],
        wait=False,
        logs=False,
        job_name="prep-job",
    )
    return recorder.requests["CreateProcessingJob"]


def hosting():
    recorder = Recorder()
    builder = ModelBuilder(
        s3_model_data_url="s3://bucket/out/iris/output/model.tar.gz",
        image_uri=IMAGE,
        role_arn=ROLE,
        instance_type="ml.m5.large",
        source_code=SourceCode(source_dir="source", entry_script="train.py"),
        env_vars={"OMP_NUM_THREADS": "1"},
        sagemaker_session=recorder.session,
    )
    builder.build(model_name="iris-model")
    builder.deploy(endpoint_name="iris-endpoint", instance_type="ml.m5.large", initial_instance_count=1, wait=False)
    return recorder.requests


def transform():
    recorder = Recorder()
    transformer = Transformer(
        "iris-model",
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
        sagemaker_session=recorder.session,
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
        logs=False,
    )
    return recorder.requests["CreateTransformJob"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("preprocess.py").write_text("")
        Path("source").mkdir()
        Path("source", "train.py").write_text("")
        recorded = {
            "sdk": ", ".join(f"sagemaker-{each} {version(f'sagemaker-{each}')}" for each in ("train", "core", "serve")),
            "training": {"the least": training(), "everything": training(**FULL)},
            "processing": processing(),
            "hosting": hosting(),
            "transform": transform(),
        }
        os.chdir("/")
    text = re.sub(r"iris-\d{8,}[-\d]*", "iris-MOMENT", json.dumps(recorded, indent=1)) + "\n"
    Path(__file__).with_name("sdk_v3_requests.json").write_text(text)


if __name__ == "__main__":
    __file__ = str(Path(__file__).absolute())
    main()
