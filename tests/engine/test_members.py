"""Every member of a request is acted on, is harmless, or is refused by name: also one that AWS makes tomorrow."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from harness import service_model
from harness.engine import hosting, models, processing, training, transform
from harness.engine.members import MEMBERS, Members, refusals, uris
from harness.engine.settings import EngineSettings
from harness.service_model import Shape
from harness.validation import validate

MODEL = service_model.load()
ROLE = "arn:aws:iam::123456789012:role/SageMaker"
S3_SOURCE = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/data"}}
REQUESTS: dict[str, dict[str, Any]] = {
    "CreateTrainingJob": {
        "TrainingJobName": "iris",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": "sklearn:1.9-0",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}],
        },
        "HyperParameters": {"sagemaker_program": '"train.py"'},
        "InputDataConfig": [{"ChannelName": "train", "DataSource": S3_SOURCE}],
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints", "LocalPath": "/opt/ml/checkpoints"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    },
    "CreateProcessingJob": {
        "ProcessingJobName": "iris",
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": "sklearn:1.9-0", "ContainerEntrypoint": ["python3", "x.py"]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
        },
        "ProcessingInputs": [
            {
                "InputName": "in",
                "S3Input": {"S3Uri": "s3://b/in", "S3DataType": "S3Prefix", "LocalPath": "/opt/ml/processing/in"},
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "out",
                    "S3Output": {"S3Uri": "s3://b/o", "S3UploadMode": "EndOfJob", "LocalPath": "/opt/ml/processing/o"},
                }
            ]
        },
    },
    "CreateTransformJob": {
        "TransformJobName": "iris",
        "ModelName": "iris",
        "TransformInput": {"DataSource": S3_SOURCE, "SplitType": "Line"},
        "TransformOutput": {"S3OutputPath": "s3://bucket/out", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    },
    "CreateModel": {
        "ModelName": "iris",
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {"Image": "sklearn:1.9-0", "ModelDataUrl": "s3://bucket/model.tar.gz"},
    },
    "CreateEndpointConfig": {
        "EndpointConfigName": "iris",
        "ProductionVariants": [
            {"VariantName": "A", "ModelName": "iris", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        ],
    },
    "CreateEndpoint": {"EndpointName": "iris", "EndpointConfigName": "iris"},
}
JUDGES = {
    "CreateTrainingJob": training.refusals,
    "CreateProcessingJob": processing.refusals,
    "CreateTransformJob": transform.refusals,
    "CreateModel": models.refusals,
    "CreateEndpointConfig": hosting.refusals,
    "CreateEndpoint": lambda request: iter(()),
}
INSTEAD_OF = {"DatasetDefinition", "FeatureStoreOutput", "DatasetSource", "FileSystemDataSource"}
"""Members that stand in the place of another one of the request."""
DESCRIBED = {
    "CreateTrainingJob": training.describe_new,
    "CreateProcessingJob": processing.describe_new,
    "CreateTransformJob": transform.describe_new,
}


def inside(shape: Shape) -> Shape:
    """What a list, or a list of lists, is made of."""
    while shape["type"] == "list":
        shape = MODEL.shapes[shape["member"]]
    return shape


def members_of(shape: Shape, path: str = "") -> Iterator[tuple[str, Shape]]:
    """Every member below a shape, those with members of their own included."""
    for name, kind in inside(shape).get("members", {}).items():
        yield f"{path}{name}", MODEL.shapes[kind]
        yield from members_of(MODEL.shapes[kind], f"{path}{name}.")


def lists_with(members: Members, path: str) -> list[str]:
    """The lists that a member stands in, itself or with what it is inside of."""
    parts = path.split(".")
    holders = {".".join(parts[: end + 1]) for end in range(len(parts))}
    return [name for name, each in members._asdict().items() if holders & set(each)]


def all_members(operation: str) -> dict[str, Shape]:
    return dict(members_of(MODEL.shapes[MODEL.input_of(operation)]))


NOT_TO_BE_HAD = [
    (operation, path)
    for operation, members in MEMBERS.items()
    for path in sorted({*members.refused, *members.judged})
    # One container of a model is enough to know.
    if not path.startswith("Containers.")
]


def sample(shape: Shape) -> Any:
    """A value that asks for something."""
    match shape["type"]:
        case "structure":
            return {name: sample(MODEL.shapes[kind]) for name, kind in list(shape["members"].items())[:1]}
        case "list":
            return [sample(MODEL.shapes[shape["member"]])]
        case "map":
            return {"k": "v"}
        case "string":
            return shape.get("enum", ["x"])[0]
        case "boolean":
            return True
        case _:
            return 1


def put(document: Any, path: str, value: Any) -> None:
    """Set a member; of a list of objects in the first."""
    name, _, rest = path.partition(".")
    document = document[0] if isinstance(document, list) else document
    if rest:
        put(document.setdefault(name, {}), rest, value)
    else:
        document[name] = value


def without_one(document: Any) -> Iterator[tuple[str, Any]]:
    """A document without each one of its members, at any depth."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        if isinstance(document, dict):
            yield str(key), {name: each for name, each in document.items() if name != key}
        if isinstance(value, (dict, list)):
            for path, less in without_one(value):
                whole = copy.deepcopy(document)
                whole[key] = less
                yield f"{key}.{path}", whole


LESS = [(operation, path, less) for operation, request in REQUESTS.items() for path, less in without_one(request)]


@pytest.mark.parametrize("operation", MEMBERS)
def test_every_member_that_aws_knows_stands_in_one_list(operation):
    leaves = {path for path, shape in all_members(operation).items() if "members" not in inside(shape)}
    wrong = {path: found for path in leaves if len(found := lists_with(MEMBERS[operation], path)) != 1}
    assert wrong == {}


@pytest.mark.parametrize("operation", MEMBERS)
def test_no_list_has_a_member_that_aws_does_not_know(operation):
    assert {path for each in MEMBERS[operation] for path in each} <= set(all_members(operation))


@pytest.mark.parametrize("operation", MEMBERS)
def test_what_is_honoured_has_no_members_among_which_a_new_one_could_hide(operation):
    known = all_members(operation)
    assert [path for path in MEMBERS[operation].honoured if "members" in inside(known[path])] == []


@pytest.mark.parametrize(("operation", "path"), NOT_TO_BE_HAD, ids=lambda value: value)
def test_what_cannot_be_had_is_refused(operation, path):
    request = copy.deepcopy(REQUESTS[operation])
    holder, _, name = path.rpartition(".")
    if name in INSTEAD_OF:
        put(request, holder, [{"InputName": "n", "OutputName": "n", "ChannelName": "n"}])
    put(request, path, sample(all_members(operation)[path]))
    found = [*refusals(operation, request), *JUDGES[operation](request)]
    assert found, f"{path} is ignored in silence"
    if path in MEMBERS[operation].refused:
        assert path.rpartition(".")[2] in found[0].partition(":")[0]


@pytest.mark.parametrize("operation", MEMBERS)
def test_a_plain_request_is_not_refused(operation):
    assert [*refusals(operation, REQUESTS[operation]), *JUDGES[operation](REQUESTS[operation])] == []


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("OfTomorrow", "OfTomorrow"),
        ("ResourceConfig.OfTomorrow", "ResourceConfig.OfTomorrow"),
        ("InputDataConfig.DataSource.S3DataSource.OfTomorrow", "InputDataConfig[0].DataSource.S3DataSource.OfTomorrow"),
        ("StoppingCondition.OfTomorrow.Deep", "StoppingCondition.OfTomorrow.Deep"),
    ],
)
def test_a_member_that_nobody_knows_is_refused_by_its_path(path, named):
    request = copy.deepcopy(REQUESTS["CreateTrainingJob"])
    put(request, path, "x")
    (found,) = refusals("CreateTrainingJob", request)
    assert found.startswith(f"{named}: this version of the harness does not know what it does")


@pytest.mark.parametrize(
    "member",
    [
        {"RemoteDebugConfig": {"EnableRemoteDebug": False}},
        {"DebugRuleConfigurations": []},
        {"DebugHookConfig": {"S3OutputPath": "s3://b/debug", "CollectionConfigurations": []}},
        {"ProfilerConfig": {"S3OutputPath": "s3://b/profile", "DisableProfiler": False}},
    ],
    ids=["what is switched off", "an empty list", "SDK v2's debugger hook", "SDK v2's profiler"],
)
def test_what_asks_for_nothing_is_not_refused(member):
    assert list(refusals("CreateTrainingJob", {**REQUESTS["CreateTrainingJob"], **member})) == []


@pytest.mark.parametrize(
    ("operation", "member", "named"),
    [
        ("CreateTrainingJob", {}, ["s3://bucket/checkpoints", "s3://bucket/data", "s3://bucket/out"]),
        ("CreateTrainingJob", {"HyperParameters": {"sagemaker_submit_directory": '"s3://b/code"'}}, ["s3://b/code"]),
        ("CreateProcessingJob", {}, ["s3://b/in", "s3://b/o"]),
        ("CreateTransformJob", {}, ["s3://bucket/data", "s3://bucket/out"]),
        ("CreateModel", {}, ["s3://bucket/model.tar.gz"]),
        ("CreateTrainingJob", {"HyperParameters": {"data": '"s3://script/own"'}}, []),
        ("CreateTrainingJob", {"DebugHookConfig": {"S3OutputPath": "s3://no/effect"}}, []),
    ],
)
def test_the_uris_that_are_read_and_written_here_are_known(operation, member, named):
    document = member or REQUESTS[operation]
    assert sorted(uri for uri in uris(operation, document) if uri.startswith("s3://")) == named


@pytest.mark.parametrize(("operation", "path", "less"), LESS, ids=[f"{each[0]} {each[1]}" for each in LESS])
def test_a_request_without_a_member_is_told_of_it_or_is_complete_without_it(operation, path, less):
    if not validate(operation, less, local=True, model=MODEL):
        assert list(refusals(operation, less)) == []
        list(JUDGES[operation](less))
        DESCRIBED.get(operation, lambda request, settings: None)(less, EngineSettings())


def test_a_request_is_refused_before_anything_starts(project):
    made = project()
    request = json.loads(made.here("plan").out)
    request["TensorBoardOutputConfig"] = {"S3OutputPath": "s3://b/board"}
    request["ResourceConfig"]["TrainingPlanArn"] = "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p"
    done = made.harness("train", "--request", "-", stdin=json.dumps(request))
    assert done.code == 2
    assert "TensorBoardOutputConfig: " in done.err
    assert "ResourceConfig.TrainingPlanArn: " in done.err
    assert not list((made.folder / "runs").glob("[!_.]*"))


@pytest.mark.parametrize(
    "name", ["TrainingJobName", "AlgorithmSpecification", "ResourceConfig", "StoppingCondition", "OutputDataConfig"]
)
def test_a_document_without_what_aws_requires_is_told_so(project, name):
    made = project()
    request = json.loads(made.here("plan").out)
    del request[name]
    done = made.here("train", "--request", "-", stdin=json.dumps(request))
    assert done.code == 2
    assert f"{name}: is required" in done.err
    assert "Traceback" not in done.err
