"""The rules that stand only in AWS's prose: per rule, what passes and what fails."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from harness import service_model
from harness.validation import Finding, validate

ROLE = "arn:aws:iam::123456789012:role/SageMaker"
Request = dict[str, Any]


def s3_channel(name: str = "train", **more: Any) -> Request:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data"}}
    return {"ChannelName": name, "DataSource": source, **more}


def manifest_channel(kind: str, **more: Any) -> Request:
    source = {"S3DataSource": {"S3DataType": kind, "S3Uri": "s3://bucket/list"}}
    return {"ChannelName": "train", "DataSource": source, **more}


def s3_input(name: str = "data", path: str | None = "/opt/ml/processing/data", **more: Any) -> Request:
    source: Request = {"S3Uri": "s3://bucket/in", "S3DataType": "S3Prefix", **more}
    return {"InputName": name, "S3Input": source if path is None else {**source, "LocalPath": path}}


def s3_output(name: str = "out", path: str | None = "/opt/ml/processing/out") -> Request:
    target = {"S3Uri": "s3://bucket/out", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "S3Output": target if path is None else {**target, "LocalPath": path}}


def variant(name: str = "AllTraffic", **more: Any) -> Request:
    return {
        "VariantName": name,
        "ModelName": "iris",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
        **more,
    }


def serverless(**config: int) -> Request:
    return {"VariantName": "AllTraffic", "ModelName": "iris", "ServerlessConfig": config}


BASE: Mapping[str, Request] = {
    "CreateTrainingJob": {
        "TrainingJobName": "iris",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": "sklearn:1.9-0", "TrainingInputMode": "File"},
        "InputDataConfig": [s3_channel()],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    },
    "CreateProcessingJob": {
        "ProcessingJobName": "iris",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "sklearn:1.9-0"},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
        },
        "ProcessingInputs": [s3_input()],
        "ProcessingOutputConfig": {"Outputs": [s3_output()]},
    },
    "CreateTransformJob": {
        "TransformJobName": "iris",
        "ModelName": "iris",
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/in"}},
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": "s3://bucket/out", "Accept": "text/csv", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    },
    "CreateModel": {
        "ModelName": "iris",
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": "sklearn:1.9-0", "ModelDataUrl": "s3://bucket/model.tar.gz"},
    },
    "CreateEndpointConfig": {"EndpointConfigName": "iris", "ProductionVariants": [variant()]},
    "CreateEndpoint": {"EndpointName": "iris", "EndpointConfigName": "iris"},
    "AddTags": {
        "ResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:model/iris",
        "Tags": [{"Key": "team", "Value": "ml"}],
    },
}
GONE = object()
AWS_MODEL = service_model.load()


def changed(operation: str, changes: Mapping[str, Any]) -> Request:
    """The passing request with members replaced, or left out where the value is GONE."""
    request = copy.deepcopy(BASE[operation])
    for path, value in changes.items():
        *parents, last = path.split(".")
        document = request
        for parent in parents:
            document = document.setdefault(parent, {})
        if value is GONE:
            del document[last]
        else:
            document[last] = value
    return request


def findings(operation: str, changes: Mapping[str, Any], *, local: bool = False) -> tuple[Finding, ...]:
    return validate(operation, changed(operation, changes), local=local, model=AWS_MODEL)


TRAINING, PROCESSING, TRANSFORM = "CreateTrainingJob", "CreateProcessingJob", "CreateTransformJob"
MODEL, CONFIG = "CreateModel", "CreateEndpointConfig"
CLUSTER = "ProcessingResources.ClusterConfig"
GROUP = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "InstanceGroupName": "workers"}
GROUPS = {"VolumeSizeInGB": 30, "InstanceGroups": [GROUP]}
PREFERENCES = {
    "VolumeSizeInGB": 30,
    "InstanceCount": 1,
    "InstancePreferences": [{"InstanceType": "ml.m5.large"}],
}
SERVERLESS_JOB = {
    "BaseModelArn": "arn:aws:sagemaker:us-east-1:aws:hub-content/Public/Model/base",
    "JobType": "FineTuning",
}
FILE_SYSTEM = {
    "FileSystemId": "fs-01234567",
    "FileSystemAccessMode": "ro",
    "FileSystemType": "EFS",
    "DirectoryPath": "/data",
}
MODEL_SOURCE = {"S3DataSource": {"S3Uri": "s3://b/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
ISOLATED_S3 = {
    "EnableNetworkIsolation": True,
    "HyperParameters": {"sagemaker_submit_directory": '"s3://bucket/sourcedir.tar.gz"'},
}


def environment(entries: int) -> dict[str, str]:
    """So many entries of 1,026 bytes each."""
    return {f"N{index}": "x" * 1024 for index in range(entries)}


PASSES = [
    *((operation, {}) for operation in BASE),
    (TRAINING, {"ResourceConfig": GROUPS}),
    (TRAINING, {"ResourceConfig": PREFERENCES}),
    (TRAINING, {"AlgorithmSpecification": {"AlgorithmName": "mine", "TrainingInputMode": "File"}}),
    (
        TRAINING,
        {"AlgorithmSpecification": GONE, "ResourceConfig": GONE, "ServerlessJobConfig": SERVERLESS_JOB},
    ),
    (TRAINING, {"ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}}),
    (TRAINING, {"StoppingCondition.MaxRuntimeInSeconds": 28 * 86400}),
    (TRAINING, {"EnableManagedSpotTraining": True, "StoppingCondition.MaxWaitTimeInSeconds": 3600}),
    (TRAINING, {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxWaitTimeInSeconds": 86400}}),
    (TRAINING, {"InputDataConfig": [s3_channel(f"c{index}") for index in range(20)]}),
    (
        TRAINING,
        {"InputDataConfig": [s3_channel(InputMode="Pipe", CompressionType="Gzip", RecordWrapperType="RecordIO")]},
    ),
    (TRAINING, {"InputDataConfig": [manifest_channel("AugmentedManifestFile", InputMode="Pipe")]}),
    (TRAINING, {"InputDataConfig": [manifest_channel("ManifestFile")]}),
    (TRAINING, {"InputDataConfig": [s3_channel(InputMode="FastFile")]}),
    (
        TRAINING,
        {"InputDataConfig": [{"ChannelName": "fs", "DataSource": {"FileSystemDataSource": FILE_SYSTEM}}]},
    ),
    (TRAINING, {"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "/opt/ml/checkpoints"}}),
    (TRAINING, {"HyperParameters": {f"h{index}": "1" for index in range(100)}}),
    (TRAINING, {"HyperParameters": {"h": "x" * 2500}}),
    (TRAINING, {"Environment": {f"E{index}": "1" for index in range(100)}}),
    (TRAINING, {**ISOLATED_S3, "EnableNetworkIsolation": False}),
    (
        TRAINING,
        {
            "EnableNetworkIsolation": True,
            "HyperParameters": {"sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"'},
        },
    ),
    (PROCESSING, {CLUSTER: {"VolumeSizeInGB": 30, "InstancePreferences": [{"InstanceType": "ml.m5.large"}]}}),
    (PROCESSING, {"ProcessingInputs": [s3_input("a", "/opt/ml/processing/a"), s3_input("b")]}),
    (PROCESSING, {"ProcessingInputs": [{**s3_input(path=None), "AppManaged": True}]}),
    (PROCESSING, {"ProcessingInputs": [s3_input(S3InputMode="Pipe", S3CompressionType="Gzip")]}),
    (PROCESSING, {"ProcessingOutputConfig": {"Outputs": [s3_output(path="/opt/ml/output/data")]}}),
    (PROCESSING, {"AppSpecification.ContainerArguments": ["x" * 256] * 100}),
    (
        PROCESSING,
        {
            "ProcessingOutputConfig.Outputs": [
                {"OutputName": "fs", "FeatureStoreOutput": {"FeatureGroupName": "f"}, "AppManaged": True}
            ]
        },
    ),
    (TRANSFORM, {"MaxConcurrentTransforms": 10, "MaxPayloadInMB": 10}),
    (TRANSFORM, {"MaxConcurrentTransforms": 1000, "MaxPayloadInMB": 0}),
    (TRANSFORM, {"BatchStrategy": "SingleRecord"}),
    (TRANSFORM, {"TransformResources.InstanceCount": 100}),
    (TRANSFORM, {"DataProcessing": {"JoinSource": "Input", "InputFilter": "$[1:]"}}),
    (
        TRANSFORM,
        {
            "DataProcessing": {"JoinSource": "Input"},
            "TransformInput.ContentType": "application/jsonlines",
            "TransformInput.SplitType": "Line",
            "TransformOutput.Accept": "application/jsonlines; charset=utf-8",
        },
    ),
    (
        TRANSFORM,
        {
            "DataProcessing": {"JoinSource": "None", "InputFilter": "$", "OutputFilter": "$"},
            "TransformInput.ContentType": "application/x-npy",
        },
    ),
    (MODEL, {"PrimaryContainer": GONE, "Containers": [{"Image": "a:1"}, {"Image": "b:1"}]}),
    (MODEL, {"PrimaryContainer": {"Image": "a:1", "ModelDataSource": MODEL_SOURCE}}),
    (MODEL, {"PrimaryContainer": {"ModelPackageName": "package"}}),
    (MODEL, {"PrimaryContainer.Environment": environment(31)}),
    (CONFIG, {"ProductionVariants": [variant("a"), variant("b")]}),
    (CONFIG, {"ProductionVariants": [serverless(MemorySizeInMB=2048, MaxConcurrency=5)]}),
    (CONFIG, {"ShadowProductionVariants": [variant("shadow")]}),
]

FAILS = [
    (TRAINING, {"AlgorithmSpecification": GONE}, "required", "AlgorithmSpecification"),
    (TRAINING, {"ResourceConfig": GONE}, "required", "ResourceConfig"),
    (
        TRAINING,
        {"AlgorithmSpecification.AlgorithmName": "mine"},
        "one-algorithm",
        "AlgorithmSpecification",
    ),
    (TRAINING, {"AlgorithmSpecification.TrainingImage": GONE}, "one-algorithm", "AlgorithmSpecification"),
    (TRAINING, {"ResourceConfig": {"VolumeSizeInGB": 30}}, "one-cluster", "ResourceConfig"),
    (TRAINING, {"ResourceConfig.InstanceCount": GONE}, "one-cluster", "ResourceConfig.InstanceCount"),
    (
        TRAINING,
        {"ResourceConfig": {**GROUPS, "InstanceType": "ml.m5.large"}},
        "one-cluster",
        "ResourceConfig",
    ),
    (
        TRAINING,
        {"ResourceConfig": {**GROUPS, "InstanceCount": 1}},
        "one-cluster",
        "ResourceConfig.InstanceCount",
    ),
    (TRAINING, {"ResourceConfig.InstanceCount": 0}, "instance-count", "ResourceConfig.InstanceCount"),
    (
        TRAINING,
        {"ResourceConfig": {**GROUPS, "InstanceGroups": [{**GROUP, "InstanceCount": 0}]}},
        "instance-count",
        "ResourceConfig.InstanceGroups[0].InstanceCount",
    ),
    (TRAINING, {"ResourceConfig.VolumeSizeInGB": GONE}, "volume-size", "ResourceConfig.VolumeSizeInGB"),
    (TRAINING, {"ResourceConfig.VolumeSizeInGB": 0}, "volume-size", "ResourceConfig.VolumeSizeInGB"),
    (
        TRAINING,
        {"StoppingCondition.MaxRuntimeInSeconds": 28 * 86400 + 1},
        "max-runtime",
        "StoppingCondition.MaxRuntimeInSeconds",
    ),
    (
        TRAINING,
        {"StoppingCondition.MaxWaitTimeInSeconds": 7200},
        "spot-only",
        "StoppingCondition.MaxWaitTimeInSeconds",
    ),
    (
        TRAINING,
        {"EnableManagedSpotTraining": True},
        "spot-wait",
        "StoppingCondition.MaxWaitTimeInSeconds",
    ),
    (
        TRAINING,
        {"EnableManagedSpotTraining": True, "StoppingCondition.MaxWaitTimeInSeconds": 3599},
        "spot-wait",
        "StoppingCondition.MaxWaitTimeInSeconds",
    ),
    (
        TRAINING,
        {"EnableManagedSpotTraining": True, "StoppingCondition": {"MaxWaitTimeInSeconds": 86399}},
        "spot-wait",
        "StoppingCondition.MaxWaitTimeInSeconds",
    ),
    (
        TRAINING,
        {
            "ResourceConfig": PREFERENCES,
            "EnableManagedSpotTraining": True,
            "StoppingCondition.MaxWaitTimeInSeconds": 3600,
        },
        "spot-preferences",
        "EnableManagedSpotTraining",
    ),
    (
        TRAINING,
        {"InputDataConfig": [s3_channel(), s3_channel("test"), s3_channel()]},
        "channel-names-unique",
        "InputDataConfig[2].ChannelName",
    ),
    (
        TRAINING,
        {"InputDataConfig": [{"ChannelName": "train", "DataSource": {}}]},
        "one-data-source",
        "InputDataConfig[0].DataSource",
    ),
    (
        TRAINING,
        {"InputDataConfig": [s3_channel(CompressionType="Gzip")]},
        "pipe-only",
        "InputDataConfig[0].CompressionType",
    ),
    (
        TRAINING,
        {"InputDataConfig": [s3_channel(RecordWrapperType="RecordIO", InputMode="FastFile")]},
        "pipe-only",
        "InputDataConfig[0].RecordWrapperType",
    ),
    (
        TRAINING,
        {"InputDataConfig": [manifest_channel("AugmentedManifestFile")]},
        "pipe-only",
        "InputDataConfig[0].DataSource.S3DataSource.S3DataType",
    ),
    (
        TRAINING,
        {"InputDataConfig": [manifest_channel("ManifestFile", InputMode="FastFile")]},
        "fast-file",
        "InputDataConfig[0].DataSource.S3DataSource.S3DataType",
    ),
    (
        TRAINING,
        {"CheckpointConfig": {"S3Uri": "s3://b/c", "LocalPath": "checkpoints"}},
        "checkpoint-path",
        "CheckpointConfig.LocalPath",
    ),
    (TRAINING, ISOLATED_S3, "isolated-source", "HyperParameters['sagemaker_submit_directory']"),
    (TRAINING, {"HyperParameters": {f"h{index}": "1" for index in range(101)}}, "length", "HyperParameters"),
    (TRAINING, {"HyperParameters": {"h": "x" * 2501}}, "length", "HyperParameters['h']"),
    (TRAINING, {"Environment": {f"E{index}": "1" for index in range(101)}}, "length", "Environment"),
    (TRAINING, {"InputDataConfig": []}, "length", "InputDataConfig"),
    (
        TRAINING,
        {"InputDataConfig": [s3_channel(f"c{index}") for index in range(21)]},
        "length",
        "InputDataConfig",
    ),
    (
        TRAINING,
        {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]},
        "tag-keys-unique",
        "Tags[1].Key",
    ),
    ("CreateEndpoint", {"Tags": [{"Key": "AWS:a", "Value": "1"}]}, "tag-key-reserved", "Tags[0].Key"),
    ("AddTags", {"Tags": [{"Key": "aws:a", "Value": "1"}]}, "tag-key-reserved", "Tags[0].Key"),
    (PROCESSING, {f"{CLUSTER}.InstanceType": GONE}, "one-cluster", CLUSTER),
    (
        PROCESSING,
        {f"{CLUSTER}.InstancePreferences": [{"InstanceType": "ml.m5.large"}]},
        "one-cluster",
        CLUSTER,
    ),
    (
        PROCESSING,
        {"ProcessingInputs": [s3_input(), s3_input(path="/opt/ml/processing/other")]},
        "input-names-unique",
        "ProcessingInputs[1].InputName",
    ),
    (
        PROCESSING,
        {"ProcessingOutputConfig.Outputs": [s3_output(), s3_output(path="/opt/ml/processing/other")]},
        "output-names-unique",
        "ProcessingOutputConfig.Outputs[1].OutputName",
    ),
    (PROCESSING, {"ProcessingInputs": [{"InputName": "x"}]}, "one-input-source", "ProcessingInputs[0]"),
    (
        PROCESSING,
        {"ProcessingOutputConfig.Outputs": [{"OutputName": "x"}]},
        "one-output-target",
        "ProcessingOutputConfig.Outputs[0]",
    ),
    (
        PROCESSING,
        {"ProcessingOutputConfig.Outputs": [{"OutputName": "fs", "FeatureStoreOutput": {"FeatureGroupName": "f"}}]},
        "feature-store",
        "ProcessingOutputConfig.Outputs[0].AppManaged",
    ),
    (
        PROCESSING,
        {"ProcessingInputs": [s3_input(path="/opt/ml/input")]},
        "input-local-path",
        "ProcessingInputs[0].S3Input.LocalPath",
    ),
    (
        PROCESSING,
        {"ProcessingInputs": [s3_input(), s3_input("again", "/opt/ml/processing/data/")]},
        "input-local-path",
        "ProcessingInputs[1].S3Input.LocalPath",
    ),
    (
        PROCESSING,
        {"ProcessingInputs": [s3_input(path=None)]},
        "local-path-required",
        "ProcessingInputs[0].S3Input.LocalPath",
    ),
    (
        PROCESSING,
        {"ProcessingOutputConfig.Outputs": [s3_output(path=None)]},
        "local-path-required",
        "ProcessingOutputConfig.Outputs[0].S3Output.LocalPath",
    ),
    (
        PROCESSING,
        {"ProcessingOutputConfig.Outputs": [s3_output(path="out")]},
        "output-local-path",
        "ProcessingOutputConfig.Outputs[0].S3Output.LocalPath",
    ),
    (
        PROCESSING,
        {"ProcessingInputs": [s3_input(S3CompressionType="Gzip", S3InputMode="File")]},
        "pipe-only",
        "ProcessingInputs[0].S3Input.S3CompressionType",
    ),
    (
        PROCESSING,
        {"AppSpecification.ContainerArguments": ["x"] * 101},
        "length",
        "AppSpecification.ContainerArguments",
    ),
    (
        PROCESSING,
        {"AppSpecification.ContainerArguments": ["x", "x" * 257]},
        "length",
        "AppSpecification.ContainerArguments[1]",
    ),
    (TRANSFORM, {"MaxPayloadInMB": 101}, "payload", "MaxPayloadInMB"),
    (
        TRANSFORM,
        {"MaxConcurrentTransforms": 11, "MaxPayloadInMB": 10},
        "payload",
        "MaxConcurrentTransforms",
    ),
    (
        TRANSFORM,
        {"BatchStrategy": "SingleRecord", "TransformInput.SplitType": GONE},
        "batch-strategy",
        "BatchStrategy",
    ),
    (
        TRANSFORM,
        {"BatchStrategy": "SingleRecord", "TransformInput.SplitType": "None"},
        "batch-strategy",
        "BatchStrategy",
    ),
    (
        TRANSFORM,
        {"TransformInput.DataSource.S3DataSource.S3DataType": "AugmentedManifestFile"},
        "transform-data",
        "TransformInput.DataSource.S3DataSource.S3DataType",
    ),
    (
        TRANSFORM,
        {"TransformResources.InstanceCount": 101},
        "instance-count",
        "TransformResources.InstanceCount",
    ),
    (
        TRANSFORM,
        {"DataProcessing": {"InputFilter": "$[1:]"}, "TransformOutput.Accept": "application/x-npy"},
        "data-processing-type",
        "TransformOutput.Accept",
    ),
    (
        TRANSFORM,
        {"DataProcessing": {"OutputFilter": "$[-1]"}, "TransformOutput.Accept": "application/json"},
        "data-processing-family",
        "TransformOutput.Accept",
    ),
    (
        TRANSFORM,
        {"DataProcessing": {"JoinSource": "Input"}, "TransformInput.SplitType": GONE},
        "data-processing-line",
        "TransformInput.SplitType",
    ),
    (
        TRANSFORM,
        {"DataProcessing": {"JoinSource": "Input"}, "TransformOutput.AssembleWith": "None"},
        "data-processing-line",
        "TransformOutput.AssembleWith",
    ),
    (MODEL, {"PrimaryContainer": GONE}, "one-container-form", ""),
    (MODEL, {"Containers": [{"Image": "a:1"}]}, "one-container-form", ""),
    (MODEL, {"PrimaryContainer.Image": GONE}, "container-image", "PrimaryContainer"),
    (MODEL, {"PrimaryContainer.ModelDataSource": MODEL_SOURCE}, "one-model-data", "PrimaryContainer"),
    (MODEL, {"PrimaryContainer.Environment": environment(32)}, "environment-size", ""),
    (
        MODEL,
        {
            "PrimaryContainer": GONE,
            "Containers": [{"Image": "a:1", "Environment": environment(16)} for _ in range(2)],
        },
        "environment-size",
        "",
    ),
    (
        CONFIG,
        {"ProductionVariants": [variant(), variant()]},
        "variant-names-unique",
        "ProductionVariants[1].VariantName",
    ),
    (
        CONFIG,
        {"ProductionVariants": [{"VariantName": "a", "ModelName": "iris"}]},
        "one-capacity",
        "ProductionVariants[0]",
    ),
    (
        CONFIG,
        {"ProductionVariants": [{"VariantName": "a", "ModelName": "iris", "InstanceType": "ml.m5.large"}]},
        "one-capacity",
        "ProductionVariants[0].InitialInstanceCount",
    ),
    (
        CONFIG,
        {"ProductionVariants": [{**serverless(MemorySizeInMB=1024, MaxConcurrency=1), "InitialInstanceCount": 1}]},
        "one-capacity",
        "ProductionVariants[0].InitialInstanceCount",
    ),
    (
        CONFIG,
        {"ProductionVariants": [serverless(MemorySizeInMB=1500, MaxConcurrency=1)]},
        "serverless-memory",
        "ProductionVariants[0].ServerlessConfig.MemorySizeInMB",
    ),
    (
        CONFIG,
        {"ProductionVariants": [serverless(MemorySizeInMB=1024, MaxConcurrency=1, ProvisionedConcurrency=2)]},
        "serverless-concurrency",
        "ProductionVariants[0].ServerlessConfig.ProvisionedConcurrency",
    ),
    (
        CONFIG,
        {
            "ProductionVariants": [variant("a"), variant("b")],
            "ShadowProductionVariants": [variant("shadow")],
        },
        "one-shadow",
        "ProductionVariants",
    ),
]


@pytest.mark.parametrize(("operation", "changes"), PASSES)
def test_a_request_within_the_rules_has_no_findings(operation: str, changes: Mapping[str, Any]) -> None:
    assert findings(operation, changes) == ()


@pytest.mark.parametrize(("operation", "changes", "rule", "path"), FAILS)
def test_a_broken_rule_is_the_one_finding(operation: str, changes: Mapping[str, Any], rule: str, path: str) -> None:
    assert [(finding.rule, finding.path) for finding in findings(operation, changes)] == [(rule, path)]


@pytest.mark.parametrize(
    ("operation", "changes", "path"),
    [
        (
            TRAINING,
            {"HyperParameters": {"sagemaker_submit_directory": '"file:///home/me/src"'}},
            "HyperParameters['sagemaker_submit_directory']",
        ),
        (
            MODEL,
            {"PrimaryContainer.Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": "file:///home/me/src"}},
            "PrimaryContainer.Environment['SAGEMAKER_SUBMIT_DIRECTORY']",
        ),
    ],
)
def test_a_source_on_this_machine_stays_on_this_machine(operation: str, changes: Mapping[str, Any], path: str) -> None:
    assert findings(operation, changes, local=True) == ()
    [finding] = findings(operation, changes)
    assert (finding.rule, finding.path) == ("local-uri", path)
    assert "use --on local" in finding.message


JUNK = (None, True, 7, "text", [], [7, None], {}, {"x": [1]})


@pytest.mark.parametrize("junk", JUNK, ids=repr)
@pytest.mark.parametrize("operation", BASE)
def test_a_request_of_the_wrong_types_anywhere_is_reported_and_not_stumbled_over(operation: str, junk: object) -> None:
    for replaced in every_replacement(BASE[operation], junk):
        for finding in validate(operation, replaced, model=AWS_MODEL):
            assert finding.message


def every_replacement(document: Any, junk: object) -> list[Any]:
    """The document with each value in turn, at any depth, replaced by junk."""
    if isinstance(document, dict):
        steps: list[Any] = list(document)
    elif isinstance(document, list):
        steps = list(range(len(document)))
    else:
        return []
    replaced = []
    for step in steps:
        for below in [junk, *every_replacement(document[step], junk)]:
            copied = copy.copy(document)
            copied[step] = below
            replaced.append(copied)
    return replaced
