"""A bucket of one's own at the stand-in, and jobs of every kind in it."""

from __future__ import annotations

import io
import itertools
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
ENDED = {"Completed", "Failed", "Stopped", "InService"}
ECHO = """
def model_fn(folder):
    return open(folder + "/answer.txt").read()
def input_fn(body, content_type):
    return body
def predict_fn(data, model):
    if "fail" in str(data):
        raise RuntimeError("as told")
    return model + str(data)
def output_fn(prediction, accept):
    return prediction, "text/plain"
"""
_numbers = itertools.count()


def targz(files: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    return out.getvalue()


@dataclass
class Lab:
    """What a test does at the stand-in, under names that no other test has."""

    standin: Any
    name: str

    def __post_init__(self) -> None:
        self.sagemaker = self.standin.client("sagemaker")
        self.s3 = self.standin.client("s3")
        self.logs = self.standin.client("logs")
        self.s3.create_bucket(Bucket=self.name)
        self.endpoints: set[str] = set()

    def put(self, key: str, content: bytes | str) -> str:
        self.s3.put_object(Bucket=self.name, Key=key, Body=content)
        return f"s3://{self.name}/{key}"

    def get(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        content: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    def keys(self, prefix: str = "") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", ())]

    def training(self, script: str, job: str | None = None, *, count: int = 1, **members: Any) -> dict[str, Any]:
        code = self.put(f"{job or self.name}/sourcedir.tar.gz", targz({"train.py": script}))
        return {
            "TrainingJobName": job or self.name,
            "RoleArn": self.standin.role,
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "HyperParameters": {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{code}"'},
            "OutputDataConfig": {"S3OutputPath": f"s3://{self.name}/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 600},
            **members,
        }

    def train(self, script: str, **members: Any) -> dict[str, Any]:
        """Run a script to its end; the job's description."""
        request = self.training(script, **members)
        self.sagemaker.create_training_job(**request)
        return self.wait("training_job", request["TrainingJobName"])

    def wait(self, kind: str, name: str) -> dict[str, Any]:
        """Describe until it has ended, or is in service."""
        kinds = "".join(word.capitalize() for word in kind.split("_"))
        while True:
            description: dict[str, Any] = getattr(self.sagemaker, f"describe_{kind}")(**{f"{kinds}Name": name})
            if description[f"{kinds}Status"] in ENDED:
                return description
            time.sleep(0.05)  # to be asked costs more than that

    def lines(self, group: str, prefix: str = "") -> dict[str, list[str]]:
        """Stream -> its messages."""
        found = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix or self.name)
        return {
            each["logStreamName"]: [
                event["message"] for page in self._pages(group, each["logStreamName"]) for event in page
            ]
            for each in found["logStreams"]
        }

    def _pages(self, group: str, stream: str) -> Iterator[list[dict[str, Any]]]:
        token: dict[str, str] = {}
        while True:
            page = self.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True, **token)
            if not page["events"]:
                return
            yield page["events"]
            token = {"nextToken": page["nextForwardToken"]}

    def model(self, name: str, answer: str, script: str = ECHO) -> str:
        data = self.put(f"{name}/model.tar.gz", targz({"answer.txt": answer, "code/inference.py": script}))
        variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
        container = {"Image": IMAGE, "ModelDataUrl": data, "Environment": variables}
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=self.standin.role, PrimaryContainer=container)
        return name

    def endpoint_config(self, name: str, answer: str, script: str = ECHO) -> str:
        model = self.model(name, answer, script)
        variant = {"VariantName": "AllTraffic", "ModelName": model, "InitialInstanceCount": 1}
        self.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[{**variant, "InstanceType": "ml.m5.large"}]
        )
        return name

    def deploy(self, name: str, answer: str) -> dict[str, Any]:
        """An endpoint in service; it is deleted after the test."""
        config = self.endpoint_config(f"{name}-1", answer)
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
        self.endpoints.add(name)
        return self.wait("endpoint", name)

    def close(self) -> None:
        for name in self.endpoints:
            self.sagemaker.delete_endpoint(EndpointName=name)
        self.endpoints.clear()


@pytest.fixture(scope="session")
def make_lab() -> Callable[[Any], Lab]:
    return lambda standin: Lab(standin, f"lab-{next(_numbers)}")


@pytest.fixture
def lab(standin: Any, make_lab: Callable[[Any], Lab]) -> Iterator[Lab]:
    opened = make_lab(standin)
    yield opened
    opened.close()
