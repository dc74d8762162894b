"""The rest of AWS: what moto answers, and what it leaves out."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

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
