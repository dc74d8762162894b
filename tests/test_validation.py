"""A request against AWS's rules: structure, this machine's values, and both wordings of what is wrong."""

import copy
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from harness import service_model
from harness.errors import RequestError
from harness.service_model import OPERATIONS
from harness.validation import check, to_aws_message, validate, validate_response
from harness.validation.findings import Finding
from harness.validation.patterns import _compiled
from harness.validation.structure import structural_findings

MODEL = service_model.load()
ROLE = "arn:aws:iam::123456789012:role/SageMaker"


def training(**changes: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": "iris",
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": "sklearn:1.9-0", "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        **changes,
    }


def found(request: dict[str, Any], *, local: bool = False) -> list[tuple[str, str]]:
    findings = validate("CreateTrainingJob", request, local=local, model=MODEL)
    return [(finding.rule, finding.path) for finding in findings]


@pytest.mark.parametrize(
    ("changes", "rule", "path"),
    [
        ({"TrainingJobName": "a_b"}, "pattern", "TrainingJobName"),
        ({"TrainingJobName": "-a"}, "pattern", "TrainingJobName"),
        ({"TrainingJobName": "a-"}, "pattern", "TrainingJobName"),
        ({"RoleArn": 7}, "type", "RoleArn"),
        ({"EnableNetworkIsolation": "true"}, "type", "EnableNetworkIsolation"),
        ({"Tags": {}}, "type", "Tags"),
        ({"HyperParameters": {"x": 30}}, "type", "HyperParameters['x']"),
        ({"HyperParameters": {"x": "a\nb"}}, "pattern", "HyperParameters['x']"),
        ({"HyperParameters": {"y" * 257: "1"}}, "length", f"HyperParameters['{'y' * 257}']"),
        ({"Environment": {"MY-NAME": "1"}}, "pattern", "Environment['MY-NAME']"),
        ({"Environment": {"N": "x" * 513}}, "length", "Environment['N']"),
        ({"RetryStrategy": {"MaximumRetryAttempts": 31}}, "range", "RetryStrategy.MaximumRetryAttempts"),
        ({"RetryStrategy": {"MaximumRetryAttempts": 0}}, "range", "RetryStrategy.MaximumRetryAttempts"),
        ({"RetryStrategy": {"MaximumRetryAttempts": True}}, "type", "RetryStrategy.MaximumRetryAttempts"),
        ({"RetryStrategy": {}}, "required", "RetryStrategy.MaximumRetryAttempts"),
        ({"VpcConfig": {"SecurityGroupIds": ["a b"], "Subnets": ["s"]}}, "pattern", "VpcConfig.SecurityGroupIds[0]"),
        ({"Tags": [{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "#"}]}, "pattern", "Tags[1].Value"),
        ({"Tags": None}, "type", "Tags"),
        ({"Nonsense": 1}, "unknown", "Nonsense"),
    ],
)
def test_what_breaks_the_service_model_is_found_where_it_stands(changes: dict[str, Any], rule: str, path: str) -> None:
    assert found(training(**changes)) == [(rule, path)]


def test_a_job_name_of_63_characters_is_the_longest() -> None:
    assert found(training(TrainingJobName="a" * 63)) == []
    rules = {rule for rule, _ in found(training(TrainingJobName="a" * 64))}
    assert rules == {"length", "pattern"}


def test_all_findings_come_at_once_the_models_first() -> None:
    request = training(
        TrainingJobName="a_b",
        StoppingCondition={"MaxRuntimeInSeconds": 0, "MaxWaitTimeInSeconds": 10},
        Extra=1,
    )
    del request["RoleArn"]
    assert found(request) == [
        ("required", "RoleArn"),
        ("pattern", "TrainingJobName"),
        ("range", "StoppingCondition.MaxRuntimeInSeconds"),
        ("unknown", "Extra"),
        ("spot-only", "StoppingCondition.MaxWaitTimeInSeconds"),
    ]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Hyperparameters": {}}, "did you mean HyperParameters"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.lrge"}}, "did you mean ml.m5.large"),
        ({"ResourceConfig": {"InstanceType": "m5.large"}}, "did you mean ml.m5.large?"),
        ({"AlgorithmSpecification": {"TrainingInputMode": "file"}}, "'file' is not one of Pipe, File, FastFile"),
        ({"Tags": None}, "leave the key out"),
    ],
)
def test_a_message_names_the_remedy(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=re.escape(words)):
        check("CreateTrainingJob", training(**changes), model=MODEL)


def test_a_long_enum_is_not_listed() -> None:
    resources = {"InstanceType": "ml.zzz", "InstanceCount": 1, "VolumeSizeInGB": 1}
    [finding] = validate("CreateTrainingJob", training(ResourceConfig=resources), model=MODEL)
    assert len(finding.message) < 200


LOCAL_JOB = training(
    OutputDataConfig={"S3OutputPath": "file:///home/me/runs"},
    ResourceConfig={"InstanceType": "local", "InstanceCount": 1},
    InputDataConfig=[
        {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "file:///home/me/data"}},
        }
    ],
)


def test_this_machines_values_are_taken_where_the_target_is_this_machine() -> None:
    assert found(LOCAL_JOB, local=True) == []


def test_this_machines_values_are_refused_by_name_elsewhere() -> None:
    with pytest.raises(RequestError) as refused:
        check("CreateTrainingJob", LOCAL_JOB, model=MODEL)
    assert found(LOCAL_JOB) == [
        ("local-uri", "OutputDataConfig.S3OutputPath"),
        ("local-instance-type", "ResourceConfig.InstanceType"),
        ("local-uri", "InputDataConfig[0].DataSource.S3DataSource.S3Uri"),
    ]
    assert "file:///home/me/data can only be read on this machine; use --on local, or give an s3:// URI" in str(
        refused.value
    )


def test_an_unknown_instance_type_is_refused_on_this_machine_too() -> None:
    resources = {"InstanceType": "localhost", "InstanceCount": 1}
    assert found(training(ResourceConfig=resources), local=True) == [("enum", "ResourceConfig.InstanceType")]


def test_a_uri_of_neither_kind_is_refused_on_this_machine_too() -> None:
    output = {"S3OutputPath": "/home/me/runs"}
    assert found(training(OutputDataConfig=output), local=True) == [("pattern", "OutputDataConfig.S3OutputPath")]


def test_a_request_within_the_rules_passes_the_check() -> None:
    check("CreateTrainingJob", training(), model=MODEL)


def test_the_check_raises_every_finding_in_a_readable_form() -> None:
    request = training(TrainingJobName="a_b", Extra=1)
    with pytest.raises(RequestError) as refused:
        check("CreateTrainingJob", request, model=MODEL)
    assert refused.value.findings == (
        "TrainingJobName: 'a_b' does not match the pattern [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}: letters, digits and "
        "hyphens, no hyphen at either end",
        "Extra: is not known to AWS",
    )
    assert refused.value.message.startswith("AWS would refuse this CreateTrainingJob request; it breaks 2 rules:")


def test_an_unknown_operation_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="CreateTrainJob"):
        validate("CreateTrainJob", {}, model=MODEL)


@pytest.mark.parametrize("document", [None, [], "text", 7])
def test_a_request_that_is_no_object_is_the_one_finding(document: Any) -> None:
    assert found(document) == [("type", "")]


def test_a_value_of_several_lines_is_not_shown() -> None:
    key = "-----BEGIN KEY-----\nc2VjcmV0\n-----END KEY-----"
    [finding] = validate("CreateTrainingJob", training(HyperParameters={"key": key}), model=MODEL)
    assert "line break" in finding.message
    assert "c2VjcmV0" not in finding.message
    assert "BEGIN" not in finding.message


def test_a_response_is_held_against_its_shape() -> None:
    response = {"EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/iris"}
    assert validate_response("CreateEndpoint", response, model=MODEL) == ()
    [finding] = validate_response("CreateEndpoint", {"EndpointArn": "iris-iris-iris-iris"}, model=MODEL)[-1:]
    assert (finding.rule, finding.path) == ("pattern", "EndpointArn")


def test_a_response_without_a_body_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="StopTrainingJob answers without a body"):
        validate_response("StopTrainingJob", {}, model=MODEL)


# --- AWS's own words ---------------------------------------------------------------------------------------------


def aws_message(operation: str, request: dict[str, Any]) -> str:
    return to_aws_message(validate(operation, request, model=MODEL))


def test_aws_words_of_one_error() -> None:
    """As users published it (SageMaker SDK issue 384), with today's pattern."""
    assert aws_message("CreateTrainingJob", training(TrainingJobName="a_b")) == (
        "1 validation error detected: Value 'a_b' at 'trainingJobName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_aws_words_of_several_errors_about_one_value() -> None:
    """As users published it (sagemaker-ml-workflow-with-apache-airflow issue 3), with today's pattern."""
    name = "{{ training['Name'] }}" * 3
    request = {"ModelName": name, "PrimaryContainer": {"Image": "a:1"}}
    assert aws_message("CreateModel", request) == (
        f"2 validation errors detected: Value '{name}' at 'modelName' failed to satisfy constraint: "
        f"Member must have length less than or equal to 63; Value '{name}' at 'modelName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: "
        r"[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?"
    )


def test_aws_words_of_an_enum_name_every_value() -> None:
    request = training(AlgorithmSpecification={"TrainingImage": "a:1", "TrainingInputMode": "Fast"})
    assert aws_message("CreateTrainingJob", request) == (
        "1 validation error detected: Value 'Fast' at 'algorithmSpecification.trainingInputMode' failed to "
        "satisfy constraint: Member must satisfy enum value set: [Pipe, File, FastFile]"
    )


def test_aws_words_of_what_is_missing() -> None:
    request = training()
    del request["RoleArn"]
    assert aws_message("CreateTrainingJob", request) == (
        "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null"
    )


def test_aws_words_of_a_number_out_of_range() -> None:
    assert aws_message("CreateTrainingJob", training(RetryStrategy={"MaximumRetryAttempts": 31})) == (
        "1 validation error detected: Value '31' at 'retryStrategy.maximumRetryAttempts' failed to satisfy "
        "constraint: Member must have value less than or equal to 30"
    )


def test_aws_words_of_a_map_tell_all_constraints_once_for_the_whole() -> None:
    """As users published it (amazon-sagemaker-pytorch-detectron2 issue 10)."""
    request = training(HyperParameters={"a": "x" * 2501, "b": "y" * 2501})
    assert aws_message("CreateTrainingJob", request) == (
        f"1 validation error detected: Value '{{a={'x' * 2501}, b={'y' * 2501}}}' at 'hyperParameters' failed to "
        "satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to "
        "2500, Member must have length greater than or equal to 0, Member must satisfy regular expression "
        "pattern: .*]"
    )


def test_aws_words_count_the_members_of_a_list_from_one() -> None:
    request = training(Tags=[{"Key": "a", "Value": "b"}, {"Key": "", "Value": "b"}])
    assert aws_message("CreateTrainingJob", request) == (
        "1 validation error detected: Value '' at 'tags.2.member.key' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )


def test_aws_words_of_a_prose_rule_come_only_when_the_model_holds() -> None:
    """As users published it (sagify issue 111)."""
    request = training(StoppingCondition={"MaxRuntimeInSeconds": 10, "MaxWaitTimeInSeconds": 20})
    assert aws_message("CreateTrainingJob", request) == (
        "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
    )
    assert aws_message("CreateTrainingJob", {**request, "TrainingJobName": "a_b"}).startswith(
        "1 validation error detected: Value 'a_b' at 'trainingJobName'"
    )


def test_aws_is_told_of_a_local_value_as_it_would_see_it() -> None:
    assert aws_message("CreateTrainingJob", LOCAL_JOB).startswith(
        "3 validation errors detected: Value 'file:///home/me/runs' at 'outputDataConfig.s3OutputPath' failed to "
        "satisfy constraint: Member must satisfy regular expression pattern: (https|s3)://([^/]+)/?(.*); "
    )


def test_a_rule_without_known_words_is_told_in_ours() -> None:
    assert aws_message("CreateModel", {"ModelName": "m"}) == "needs PrimaryContainer or Containers"


def test_no_findings_are_no_refusal() -> None:
    with pytest.raises(ValueError, match="not refused"):
        to_aws_message(())


# --- every shape of every request --------------------------------------------------------------------------------

KEYS = st.from_regex(r"[a-z]{3,8}", fullmatch=True)


@cache
def values(name: str, optional: int = 2) -> st.SearchStrategy[Any]:
    """Values that a shape of the model allows, ``optional`` members now and then."""
    shape = MODEL.shapes[name]
    low, high = shape.get("min", 0), shape.get("max", 10**6)
    match shape["type"]:
        case "structure":
            return structures(name, optional)
        case "list":
            size = {"min_size": int(low), "max_size": int(min(max(low, 2), high))}
            return st.lists(values(shape["member"]), **size)
        case "map":
            return st.dictionaries(KEYS, values(shape["value"]), min_size=int(low), max_size=2)
        case "integer" | "long":
            return st.integers(int(low), int(high))
        case "float":
            return st.floats(low, high)
        case "boolean":
            return st.booleans()
        case "timestamp":
            return st.datetimes()
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    return texts(shape.get("pattern", ".*"), int(low), int(high))


@st.composite
def structures(draw: st.DrawFn, name: str, optional: int) -> dict[str, Any]:
    members, required = MODEL.shapes[name]["members"], MODEL.shapes[name].get("required", [])
    others = [each for each in members if each not in required]
    chosen = draw(st.lists(st.sampled_from(others), unique=True, max_size=optional)) if others else []
    return {each: draw(values(members[each])) for each in (*required, *chosen)}


def texts(pattern: str, low: int, high: int) -> st.SearchStrategy[str]:
    if low > 3:
        # A bound that few random texts reach is met by growing the part that may be of any length.
        pattern = pattern.replace(".*", f".{{{low},{low + 9}}}")
    # Every character of a class is put into a set: of the million beyond U+FFFF a few will do.
    regex = re.compile(_compiled(pattern).pattern.replace(r"\U0010ffff", r"\U000100ff"), re.ASCII)
    return st.from_regex(regex, fullmatch=True).filter(lambda text: low <= len(text) <= high)


@dataclass(frozen=True)
class Broken:
    """A way to break one member of a document: where, which rules it breaks, and what is put there."""

    steps: tuple[Any, ...]
    rules: frozenset[str]
    value: Any


def breakages(name: str, value: Any, steps: tuple[Any, ...] = ()) -> list[Broken]:
    """Every way in which one member of a valid document can leave the bounds of its shape."""
    shape = MODEL.shapes[name]
    ways = [Broken(steps, frozenset({"type"}), WRONG_TYPE[shape["type"]])] if steps else []
    kind, low, high = shape["type"], shape.get("min", 0), shape.get("max")
    if kind in ("integer", "long"):
        ways += [Broken(steps, frozenset({"range"}), int(low) - 1)] if "min" in shape else []
        ways += [Broken(steps, frozenset({"range"}), int(high) + 1)] if high is not None else []
    elif kind == "string":
        ways += [Broken(steps, frozenset({"length", "pattern"}), "x" * (int(high) + 1))] if high is not None else []
        ways += [Broken(steps, frozenset({"length", "pattern"}), "")] if low else []
        ways += [Broken(steps, frozenset({"enum"}), "no such value")] if "enum" in shape else []
    elif kind == "list":
        ways += [Broken(steps, frozenset({"length"}), [])] if low else []
        for index, entry in enumerate(value):
            ways += breakages(shape["member"], entry, (*steps, index))
    elif kind == "map":
        for key, entry in value.items():
            ways += breakages(shape["value"], entry, (*steps, key))
    elif kind == "structure":
        ways.append(Broken((*steps, "NoSuchMember"), frozenset({"unknown"}), 1))
        ways += [Broken((*steps, each), frozenset({"required"}), MISSING) for each in shape.get("required", [])]
        for member, entry in value.items():
            ways += breakages(shape["members"][member], entry, (*steps, member))
    return ways


MISSING = object()
WRONG_TYPE = {
    "structure": [],
    "list": {},
    "map": "text",
    "string": 7,
    "integer": "7",
    "long": 1.5,
    "float": "1.5",
    "boolean": 1,
    "timestamp": [],
}


def broken(document: Any, way: Broken) -> Any:
    document = copy.deepcopy(document)
    place = document
    for step in way.steps[:-1]:
        place = place[step]
    if way.value is MISSING:
        del place[way.steps[-1]]
    else:
        place[way.steps[-1]] = way.value
    return document


def path_of(name: str, steps: tuple[Any, ...]) -> str:
    path, shape = "", MODEL.shapes[name]
    for step in steps:
        if shape["type"] == "structure":
            path += f".{step}"
            shape = MODEL.shapes.get(shape["members"].get(step, ""), shape)
        else:
            path += f"[{step!r}]"
            shape = MODEL.shapes[shape["member"] if shape["type"] == "list" else shape["value"]]
    return path.removeprefix(".")


def structural(operation: str, document: Any) -> list[Finding]:
    return list(structural_findings(MODEL, MODEL.input_of(operation), document, local=False))


every_operation = pytest.mark.parametrize("operation", OPERATIONS)
generated = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@every_operation
@generated
@given(data=st.data())
def test_what_breaks_a_request_is_found_where_it_is_and_so_is_whatever_botocore_reports(
    operation: str, data: st.DataObject
) -> None:
    shape = MODEL.input_of(operation)
    request = data.draw(values(shape, 4))  # which costs more than all that follows
    assert structural(operation, request) == []
    ways = breakages(shape, request)
    assume(ways)

    way = data.draw(st.sampled_from(ways))
    findings = structural(operation, broken(request, way))
    assert findings
    assert {finding.path for finding in findings} == {path_of(shape, way.steps)}
    assert {finding.rule for finding in findings} <= way.rules

    for way in apart(data.draw(st.lists(st.sampled_from(ways), min_size=1, max_size=4))):
        request = broken(request, way)
    ours = {(finding.rule, plain(finding.path)) for finding in structural(operation, request)}
    assert botocore_reports(operation, request) <= ours


def apart(ways: list[Broken]) -> list[Broken]:
    """Those of the ways that do not touch what another one has already broken."""
    kept: list[Broken] = []
    for way in ways:
        if not any(way.steps[: len(each.steps)] == each.steps[: len(way.steps)] for each in kept):
            kept.append(way)
    return kept


def botocore_reports(operation: str, request: Any) -> set[tuple[str, str]]:
    described = SAGEMAKER.operation_model(operation).input_shape
    reports = set()
    for reason, name, details in ParamValidator().validate(request, described)._errors:
        member = details.get("required_name") or details.get("unknown_param")
        reports.add((REASONS[reason], plain(f"{name}.{member}" if member else name)))
    return reports


def plain(path: str) -> str:
    """One spelling for our paths and botocore's: A.b[0].c; a map's key or value is A.key."""
    return re.sub(r"\['(.*?)'\]| \(key: (.*?)\)", r".\1\2", path).removeprefix(".")


SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")
REASONS = {
    "missing required field": "required",
    "unknown field": "unknown",
    "invalid type": "type",
    "invalid range": "range",
    "invalid length": "length",
}
