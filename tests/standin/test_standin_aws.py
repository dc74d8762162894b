"""The rest of AWS: what moto answers, and what it leaves out."""

from __future__ import annotations

import time
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from botocore.exceptions import ClientError

from harness.standin import aws

ACCOUNT = "123456789012"


@pytest.mark.parametrize("operation", ["head_bucket", "list_objects_v2", "get_bucket_location"])
def test_a_bucket_of_another_owner_is_forbidden(lab, operation):
    with pytest.raises(ClientError) as refused:
        getattr(lab.s3, operation)(Bucket=lab.name, ExpectedBucketOwner="999999999999")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_bucket_of_the_expected_owner_is_not(lab):
    lab.s3.head_bucket(Bucket=lab.name, ExpectedBucketOwner=ACCOUNT)


def test_a_bucket_that_is_not_there_is_missing_rather_than_forbidden(lab):
    with pytest.raises(ClientError) as refused:
        lab.s3.head_bucket(Bucket=f"{lab.name}-nowhere", ExpectedBucketOwner="999999999999")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_who_asks_is_told_that_they_are_the_execution_role(standin):
    arn = standin.client("sts").get_caller_identity()["Arn"]
    role = standin.client("iam").get_role(RoleName=arn.split("/")[1])["Role"]
    assert role["Arn"] == standin.role
    assert "sagemaker.amazonaws.com" in str(role["AssumeRolePolicyDocument"])


def test_a_role_may_do_everything(standin):
    simulated = standin.client("iam").simulate_principal_policy(
        PolicySourceArn=standin.role, ActionNames=["s3:GetObject", "s3:PutObject"], ResourceArns=["arn:aws:s3:::b/<&>"]
    )
    decided = {
        (each["EvalActionName"], each["EvalResourceName"], each["EvalDecision"])
        for each in simulated["EvaluationResults"]
    }
    assert decided == {(action, "arn:aws:s3:::b/<&>", "allowed") for action in ("s3:GetObject", "s3:PutObject")}


def test_an_object_comes_back_as_it_went(lab):
    content = bytes(range(256)) * 40_000
    lab.put("large.bin", content)
    assert lab.get(f"s3://{lab.name}/large.bin") == content
    assert lab.s3.get_object(Bucket=lab.name, Key="large.bin", Range="bytes=256-511")["Body"].read() == content[:256]


def test_a_bucket_may_be_called_endpoints(lab):
    lab.s3.create_bucket(Bucket="endpoints")
    lab.s3.put_object(Bucket="endpoints", Key="a/invocations", Body=b"1")
    assert lab.s3.get_object(Bucket="endpoints", Key="a/invocations")["Body"].read() == b"1"


@pytest.mark.parametrize("content", [b"a=1&b=2", b"\xff\x00"])
def test_an_object_that_says_it_is_a_form_is_stored_as_it_comes(lab, content):
    """As urllib says of whatever it puts to a presigned URL."""
    where = {"Bucket": lab.name, "Key": "form"}
    put = Request(lab.s3.generate_presigned_url("put_object", Params=where), content, method="PUT")
    with build_opener(ProxyHandler({})).open(put) as answer:
        assert answer.status == 200
    assert put.get_header("Content-type") == "application/x-www-form-urlencoded"
    assert lab.get(f"s3://{lab.name}/form") == content
    lab.s3.put_object(**where, Body=content + b"2", ContentType="application/x-www-form-urlencoded")
    assert lab.get(f"s3://{lab.name}/form") == content + b"2"


@pytest.mark.parametrize(
    ("service", "operation", "asked", "named"),
    [
        (
            "pricing",
            "describe_services",
            {},
            "It has nothing behind pricing.us-east-1.amazonaws.com; AWS itself has it.",
        ),
        ("service-quotas", "list_services", {}, "The list_services action has not been implemented"),  # JSON
        ("bedrock", "list_foundation_models", {}, "The list_foundation_models action"),  # JSON by path
        ("sts", "decode_authorization_message", {"EncodedMessage": "x"}, "The decode_authorization_message"),  # XML
    ],
)
def test_what_moto_does_not_have_is_refused_by_name_and_for_good(standin, service, operation, asked, named):
    with pytest.raises(ClientError) as refused:
        getattr(standin.client(service), operation)(**asked)
    response = refused.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (
        "UnknownOperationException",
        400,  # which no client tries again
    )
    assert named in response["Error"]["Message"]


def test_moto_prints_nothing_where_the_environment_is_printed(capsys):
    """`harness standin --json > env.json`."""
    with pytest.raises(NotImplementedError):
        aws.application().get_backend_for_host("pricing.us-east-1.amazonaws.com")
    assert capsys.readouterr().out == ""


@pytest.fixture
def said(lab):
    """A log group of one's own with what two jobs have said."""
    group = f"/{lab.name}"
    lab.logs.create_log_group(logGroupName=group)
    for stream, lines in {"one/algo-1": ["epoch 1", "ERROR x"], "two/algo-1": ["epoch 1"]}.items():
        lab.logs.create_log_stream(logGroupName=group, logStreamName=stream)
        moment = int(time.time() * 1000)
        events = [{"timestamp": moment, "message": line} for line in lines]
        lab.logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)
    return group


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["epoch 1", "ERROR x", "epoch 1"]),
        ({"logStreamNamePrefix": "one/"}, ["epoch 1", "ERROR x"]),
        ({"logStreamNamePrefix": "one/", "filterPattern": "ERROR"}, ["ERROR x"]),
        ({"filterPattern": '"epoch 1"'}, ["epoch 1", "epoch 1"]),
        ({"logStreamNamePrefix": "three/"}, []),
    ],
)
def test_lines_are_found_by_stream_and_by_word(lab, said, asked, found):
    events = lab.logs.filter_log_events(logGroupName=said, **asked)["events"]
    assert [event["message"] for event in events] == found


@pytest.mark.parametrize(
    "asked",
    [
        {"filterPattern": "?ERROR ?WARN"},
        {"filterPattern": "{ $.loss > 1 }"},
        {"filterPattern": "epoch -ERROR"},
        {"logStreamNamePrefix": "one/", "logStreamNames": ["two/algo-1"]},
    ],
)
def test_a_search_that_moto_would_pass_over_is_refused_by_name(lab, said, asked):
    with pytest.raises(ClientError) as refused:
        lab.logs.filter_log_events(logGroupName=said, **asked)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
    assert next(iter(asked)) in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("asked", [{}, {"logStreamNamePrefix": "one/"}])
def test_lines_of_a_group_that_is_not_there_are_not_found(lab, asked):
    with pytest.raises(lab.logs.exceptions.ResourceNotFoundException):
        lab.logs.filter_log_events(logGroupName=lab.name, **asked)
