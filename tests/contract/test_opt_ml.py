"""The config files, as AWS writes them from a CreateTrainingJob request."""

from __future__ import annotations

from typing import Any

import pytest

from harness.contract.opt_ml import (
    OptMl,
    host_names,
    hyperparameters_document,
    input_data_config_document,
    resource_config_document,
)


def request(**more: Any) -> dict[str, Any]:
    return {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}, **more}


def s3_channel(**more: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/train"}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": source}, **more}


def test_a_job_without_groups_has_one_homogeneous_group() -> None:
    assert resource_config_document(request(), 0) == {
        "current_host": "algo-1",
        "current_instance_type": "ml.m5.large",
        "current_group_name": "homogeneousCluster",
        "hosts": ["algo-1"],
        "instance_groups": [
            {"instance_group_name": "homogeneousCluster", "instance_type": "ml.m5.large", "hosts": ["algo-1"]}
        ],
        "network_interface_name": "eth0",
    }


def test_hosts_are_sorted_as_text() -> None:
    job = request(ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 11})

    assert resource_config_document(job, 10)["hosts"][:4] == ["algo-1", "algo-10", "algo-11", "algo-2"]
    assert resource_config_document(job, 10)["current_host"] == host_names(job)[10] == "algo-11"


def test_each_host_of_a_heterogeneous_cluster_finds_its_own_group() -> None:
    groups = [
        {"InstanceGroupName": "cpu", "InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
        {"InstanceGroupName": "gpu", "InstanceType": "ml.p3.2xlarge", "InstanceCount": 2},
    ]
    config = resource_config_document(request(ResourceConfig={"InstanceGroups": groups}), 2)

    assert (config["current_host"], config["current_group_name"]) == ("algo-3", "gpu")
    assert config["current_instance_type"] == "ml.p3.2xlarge"
    assert [group["hosts"] for group in config["instance_groups"]] == [["algo-1"], ["algo-2", "algo-3"]]


def test_a_channel_has_its_defaults_and_no_content_type() -> None:
    assert input_data_config_document(request(InputDataConfig=[s3_channel()])) == {
        "train": {
            "TrainingInputMode": "File",
            "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }


@pytest.mark.parametrize(("mode", "reported"), [("File", "File"), ("FastFile", "File"), ("Pipe", "Pipe")])
def test_fast_file_is_reported_as_file(mode: str, reported: str) -> None:
    of_the_channel = request(InputDataConfig=[s3_channel(InputMode=mode)])
    of_the_job = request(InputDataConfig=[s3_channel()], AlgorithmSpecification={"TrainingInputMode": mode})

    for job in (of_the_channel, of_the_job):
        assert input_data_config_document(job)["train"]["TrainingInputMode"] == reported


def test_what_a_channel_says_of_itself_is_kept() -> None:
    channel = s3_channel(ContentType="text/csv", RecordWrapperType="RecordIO")
    channel["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"

    assert input_data_config_document(request(InputDataConfig=[channel]))["train"] == {
        "ContentType": "text/csv",
        "TrainingInputMode": "File",
        "S3DistributionType": "ShardedByS3Key",
        "RecordWrapperType": "RecordIO",
    }


def test_hyperparameters_are_written_as_they_were_sent() -> None:
    assert hyperparameters_document(request(HyperParameters={"a": "1"})) == {"a": "1"}
    assert hyperparameters_document(request()) == {}


def test_paths_lie_below_the_base_directory() -> None:
    assert OptMl().channel("train") == "/opt/ml/input/data/train"
    assert OptMl("/run/ml").failure == "/run/ml/output/failure"
