"""Training jobs over the wire: what boto3 sees of a job that really runs."""

from __future__ import annotations

import io
import json
import tarfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

GROUP = "/aws/sagemaker/TrainingJobs"
HELLO = "import os\nprint('hello')\nopen(os.environ['SM_MODEL_DIR'] + '/weights.txt', 'w').write('7')\n"
FOREVER = "import time\nprint('started', flush=True)\nwhile True: time.sleep(1)\n"


def refusal(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]


def test_a_job_leaves_its_model_in_s3_at_the_prefix_that_was_asked_for(lab):
    description = lab.train(HELLO)
    uri = f"s3://{lab.name}/out/{lab.name}/output/model.tar.gz"
    assert description["ModelArtifacts"] == {"S3ModelArtifacts": uri}
    with tarfile.open(fileobj=io.BytesIO(lab.get(uri))) as archive:
        assert archive.extractfile("weights.txt").read() == b"7"


def test_a_script_finds_the_objects_of_its_channel(lab):
    lab.put("data/one.csv", "1")
    lab.put("data/sub/two.csv", "2")
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{lab.name}/data", "S3DataDistributionType": "FullyReplicated"}
    script = "import os, glob\nprint(sorted(glob.glob(os.environ['SM_CHANNEL_TRAIN'] + '/**/*.csv', recursive=True)))"
    lab.train(script, InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}])
    [lines] = lab.lines(GROUP).values()
    assert lines == ["['/opt/ml/input/data/train/one.csv', '/opt/ml/input/data/train/sub/two.csv']"]


def test_a_description_has_times_that_are_times_and_nothing_that_aws_does_not_have(lab):
    description = lab.train(HELLO)
    now = datetime.now(UTC)
    assert now - timedelta(minutes=5) < description["CreationTime"] <= description["TrainingEndTime"] < now
    entered = [each["Status"] for each in description["SecondaryStatusTransitions"]]
    assert entered == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert "Harness" not in description


def test_each_answer_has_an_id_of_its_own(lab):
    """What AWS's support is asked with, and what code that logs reads."""
    answers = [lab.sagemaker.list_training_jobs()["ResponseMetadata"]["RequestId"] for _ in range(2)]
    with pytest.raises(ClientError) as refused:
        lab.sagemaker.describe_training_job(TrainingJobName=lab.name)
    assert len({*answers, refused.value.response["ResponseMetadata"]["RequestId"]}) == 3


def test_a_description_tells_what_the_request_left_to_aws(lab):
    """SDK v2's ``attach`` asks for the key without looking whether there is one."""
    description = lab.train(HELLO)
    assert description["OutputDataConfig"] == {"S3OutputPath": f"s3://{lab.name}/out", "KmsKeyId": ""}
    told = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
    assert [description[name] for name in told] == [False] * 3


def test_a_description_tells_the_whole_seconds_of_training(lab):
    description = lab.train(HELLO)
    passed = (description["TrainingEndTime"] - description["TrainingStartTime"]).total_seconds()
    assert description["TrainingTimeInSeconds"] == description["BillableTimeInSeconds"] >= 1
    assert description["TrainingTimeInSeconds"] == pytest.approx(max(1, passed), abs=0.51)


@pytest.mark.slow
def test_a_job_runs_on_while_its_creator_does_something_else(lab):
    lab.sagemaker.create_training_job(**lab.training(FOREVER))
    assert lab.sagemaker.describe_training_job(TrainingJobName=lab.name)["TrainingJobStatus"] == "InProgress"
    lab.sagemaker.stop_training_job(TrainingJobName=lab.name)
    assert lab.wait("training_job", lab.name)["TrainingJobStatus"] == "Stopped"


@pytest.mark.slow
def test_lines_are_in_the_log_before_the_job_has_ended(lab):
    lab.sagemaker.create_training_job(**lab.training(FOREVER))
    seen: list[str] = []
    while "started" not in seen:
        found = lab.logs.describe_log_streams(logGroupName=GROUP) if _has_group(lab) else {"logStreams": []}
        if any(each["logStreamName"].startswith(f"{lab.name}/") for each in found["logStreams"]):
            [seen] = lab.lines(GROUP).values()
    assert lab.sagemaker.describe_training_job(TrainingJobName=lab.name)["TrainingJobStatus"] == "InProgress"
    lab.sagemaker.stop_training_job(TrainingJobName=lab.name)
    lab.wait("training_job", lab.name)


def _has_group(lab) -> bool:
    return bool(lab.logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"])


def test_each_host_has_a_stream_named_after_job_host_and_time(lab):
    lab.train("import os\nprint('I am', os.environ['SM_CURRENT_HOST'])", count=2)
    streams = lab.lines(GROUP)
    said = {name.partition("/")[2].rpartition("-")[0]: lines for name, lines in streams.items()}
    assert said == {"algo-1": ["I am algo-1"], "algo-2": ["I am algo-2"]}
    assert all(name.rpartition("-")[2].isdigit() for name in streams)


@pytest.mark.slow
def test_a_job_that_prints_fast_loses_no_line(lab):
    count = 30_000
    lab.train(f"for number in range({count}): print('line', number)")
    [lines] = lab.lines(GROUP).values()
    assert lines == [f"line {number}" for number in range(count)]


def test_a_script_that_fails_gives_its_reason_in_aws_words(lab):
    description = lab.train("import sys; sys.exit(3)")
    assert description["TrainingJobStatus"] == "Failed"
    assert description["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 3\n")


def test_metrics_are_in_cloudwatch_as_the_sdk_looks_for_them(lab):
    """SDK v2's ``training_job_analytics``."""
    request = lab.training("print('loss=3'); print('loss=1')")
    request["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]
    lab.sagemaker.create_training_job(**request)
    description = lab.wait("training_job", lab.name)
    statistics = lab.standin.client("cloudwatch").get_metric_statistics(
        Namespace=GROUP,
        MetricName="loss",
        Dimensions=[{"Name": "TrainingJobName", "Value": lab.name}],
        StartTime=description["TrainingStartTime"],
        EndTime=description["TrainingEndTime"] + timedelta(minutes=1),
        Period=60,
        Statistics=["Average", "SampleCount"],
    )
    [point] = statistics["Datapoints"]
    assert (point["Average"], point["SampleCount"]) == (2.0, 2.0)


def test_code_that_is_not_in_s3_fails_the_job_and_says_so(lab):
    request = lab.training(HELLO)
    request["HyperParameters"]["sagemaker_submit_directory"] = f'"s3://{lab.name}/nothing/sourcedir.tar.gz"'
    lab.sagemaker.create_training_job(**request)
    description = lab.wait("training_job", lab.name)
    assert description["TrainingJobStatus"] == "Failed"
    assert "nothing/sourcedir.tar.gz" in description["FailureReason"]


def test_the_same_name_again_is_in_use(lab):
    lab.train(HELLO)
    code, message = refusal(lab.sagemaker.create_training_job, **lab.training(HELLO))
    assert code == "ResourceInUse"
    assert message == (
        "Job name must be unique within an AWS account and region, and a job with this name already exists "
        f"(arn:aws:sagemaker:us-east-1:123456789012:training-job/{lab.name})"
    )


def test_more_instances_than_the_quota_are_refused_and_leave_no_job(lab):
    code, message = refusal(lab.sagemaker.create_training_job, **lab.training(HELLO, count=21))
    assert code == "ResourceLimitExceeded"
    assert "'ml.m5.large for training job usage' is 20 Instances" in message
    code, message = refusal(lab.sagemaker.describe_training_job, TrainingJobName=lab.name)
    assert (code, message) == ("ValidationException", "Requested resource not found.")


def test_a_file_uri_is_refused_as_aws_would(lab):
    request = lab.training(HELLO, OutputDataConfig={"S3OutputPath": "file:///data"})
    code, message = refusal(lab.sagemaker.create_training_job, **request)
    assert code == "ValidationException"
    assert "Value 'file:///data' at 'outputDataConfig.s3OutputPath' failed to satisfy constraint" in message


def test_a_role_that_does_not_trust_sagemaker_cannot_be_assumed(lab):
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}]}
    iam = lab.standin.client("iam")
    role = iam.create_role(RoleName=lab.name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    code, message = refusal(lab.sagemaker.create_training_job, **lab.training(HELLO, RoleArn=role))
    assert (code, message) == (
        "ValidationException",
        f"Could not assume role {role}. Please ensure that the role exists and allows principal "
        "'sagemaker.amazonaws.com' to assume the role.",
    )


def test_a_role_of_the_users_own_account_is_taken_as_it_is(lab):
    description = lab.train(HELLO, RoleArn="arn:aws:iam::111122223333:role/mine")
    assert description["TrainingJobStatus"] == "Completed"


@pytest.mark.slow
def test_jobs_that_are_made_at_once_all_run(lab):
    requests = [lab.training(f"print({number})", f"{lab.name}-at-once-{number}") for number in range(8)]
    with ThreadPoolExecutor(len(requests)) as pool:
        list(pool.map(lambda request: lab.sagemaker.create_training_job(**request), requests))
    ended = [lab.wait("training_job", request["TrainingJobName"])["TrainingJobStatus"] for request in requests]
    assert ended == ["Completed"] * 8


def test_what_cannot_be_had_here_is_refused_by_name(lab):
    request = lab.training(HELLO, VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]})
    code, message = refusal(lab.sagemaker.create_training_job, **request)
    assert code == "ValidationException"
    assert message.startswith("VpcConfig:")
    assert message.endswith("; AWS itself has it")  # `--on remote` is where they are


@pytest.mark.parametrize("image", ["sagemaker-xgboost:1.7-1", "linear-learner:1"])
def test_an_algorithm_of_aws_is_refused_by_the_name_of_its_image(lab, image):
    request = lab.training(HELLO, HyperParameters={"num_round": "5"})
    request["AlgorithmSpecification"]["TrainingImage"] = f"683313688378.dkr.ecr.us-east-1.amazonaws.com/{image}"
    code, message = refusal(lab.sagemaker.create_training_job, **request)
    assert code == "ValidationException"
    assert f"the algorithm of {image} cannot be run here" in message


def test_a_job_that_has_ended_cannot_be_stopped(lab):
    lab.train(HELLO)
    code, message = refusal(lab.sagemaker.stop_training_job, TrainingJobName=lab.name)
    assert code == "ValidationException"
    assert "Completed" in message


def test_lists_come_in_pages_and_by_name(lab):
    for number in range(3):
        lab.sagemaker.create_training_job(**lab.training(HELLO, f"{lab.name}-page-{number}"))
    for number in range(3):
        lab.wait("training_job", f"{lab.name}-page-{number}")
    pages = lab.sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains=f"{lab.name}-page", SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}
    )
    names = [[each["TrainingJobName"] for each in page["TrainingJobSummaries"]] for page in pages]
    assert names == [[f"{lab.name}-page-0", f"{lab.name}-page-1"], [f"{lab.name}-page-2"]]


@pytest.mark.slow
@pytest.mark.parametrize("time", ["CreationTime", "LastModifiedTime"])
def test_lists_can_be_cut_by_time(lab, time):
    moment = lab.train(HELLO)[time]

    def listed(when, moment):
        jobs = lab.sagemaker.list_training_jobs(NameContains=lab.name, **{f"{time}{when}": moment})
        return [job["TrainingJobName"] for job in jobs["TrainingJobSummaries"]]

    before, after = moment - timedelta(seconds=1), moment + timedelta(seconds=1)
    assert [listed("After", before), listed("Before", after)] == [[lab.name], [lab.name]]
    assert [listed("After", after), listed("Before", before)] == [[], []]


@pytest.mark.parametrize(
    "asked",
    [
        {"WarmPoolStatusEquals": "InUse"},
        {"TrainingPlanArnEquals": "arn:aws:sagemaker:us-east-1:123456789012:training-plan/p"},
    ],
)
def test_a_filter_by_what_no_job_here_has_is_refused_by_name(lab, asked):
    code, message = refusal(lab.sagemaker.list_training_jobs, **asked)
    assert code == "ValidationException"
    assert message.startswith(f"{next(iter(asked))}: ")


def test_tags_are_set_with_the_job_and_changed_later(lab):
    arn = lab.train(HELLO, Tags=[{"Key": "team", "Value": "a"}, {"Key": "cost", "Value": "1"}])["TrainingJobArn"]
    lab.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "b"}])
    lab.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["cost", "never"])
    assert lab.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "b"}]


def test_a_script_finds_no_keys_no_endpoint_and_no_proxy(lab):
    lab.train(
        "import os; print(sorted(name for name in os.environ if name.startswith('AWS_') or 'PROXY' in name.upper()))"
    )
    [lines] = lab.lines(GROUP).values()
    assert lines == ["['AWS_REGION']"]


def test_an_empty_line_and_one_that_is_not_text_are_events_too(lab):
    lab.train("import sys; sys.stdout.buffer.write(b'a\\n\\n\\xff | b\\nlast')")
    [lines] = lab.lines(GROUP).values()
    assert lines == ["a", "", "\ufffd | b", "last"]
