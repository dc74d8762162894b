"""What AWS adds to a description."""

from __future__ import annotations

import pytest

from harness.standin.described import as_aws_tells


def test_what_the_request_says_is_told_as_it_is():
    said = {"OutputDataConfig": {"S3OutputPath": "s3://b/p", "KmsKeyId": "k"}, "EnableManagedSpotTraining": True}
    assert as_aws_tells("DescribeTrainingJob", said).items() >= said.items()


@pytest.mark.parametrize("operation", ["DescribeTransformJob", "ListTrainingJobs"])
def test_nothing_is_added_where_aws_adds_nothing(operation):
    assert as_aws_tells(operation, {"a": 1}) == {"a": 1}
