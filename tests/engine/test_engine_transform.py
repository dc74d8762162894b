"""Transform jobs: what this engine cannot honour, and what a container is told. The data's way is in test_batches."""

from __future__ import annotations

import pytest

from harness.engine import transform

REQUEST = {"TransformInput": {}, "TransformOutput": {}, "TransformResources": {"InstanceCount": 1}}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, None),
        ({"TransformResources": {"InstanceCount": 2}}, "TransformResources.InstanceCount"),
        ({"TransformResources": {"VolumeKmsKeyId": "k"}}, "TransformResources.VolumeKmsKeyId"),
        ({"TransformOutput": {"KmsKeyId": "k"}}, "TransformOutput.KmsKeyId"),
        ({"DataCaptureConfig": {}}, "DataCaptureConfig"),
    ],
)
def test_a_request_is_refused_by_the_name_of_what_cannot_be_had(change, named):
    found = list(transform.refusals({**REQUEST, **change}))
    assert [each.partition(":")[0] for each in found] == ([] if named is None else [named])
    assert all("--on remote" in each for each in found)


def test_a_filter_that_is_none_is_refused_before_anything_starts():
    source = {"ContentType": "text/csv", "SplitType": "Line"}
    target = {"Accept": "text/csv", "AssembleWith": "Line"}
    request = {**REQUEST, "TransformInput": source, "TransformOutput": target}
    assert list(transform.refusals({**request, "DataProcessing": {"InputFilter": "$[0]"}})) == []
    (found,) = transform.refusals({**request, "DataProcessing": {"InputFilter": "$[0"}})
    assert found.startswith("Invalid JSONPath '$[0'")


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({}, {}),
        ({"MaxPayloadInMB": 0}, {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "0"}),
        ({"BatchStrategy": "MultiRecord"}, {"SAGEMAKER_BATCH_STRATEGY": "MULTI_RECORD"}),
        ({"BatchStrategy": "SingleRecord"}, {"SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD"}),
        ({"MaxConcurrentTransforms": 4}, {"SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "4"}),
    ],
)
def test_a_container_is_told_of_what_the_request_says_and_no_more(request_, told):
    assert transform.variables(request_) == {"SAGEMAKER_BATCH": "true", **told}
