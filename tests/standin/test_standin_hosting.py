"""Models, endpoints, transform and processing jobs over the wire."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.conftest import end_standin, start_standin
from tests.standin.conftest import ECHO


def invoke(lab, endpoint, body=b"x", **others):
    runtime = lab.standin.client("sagemaker-runtime")
    return runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType="text/plain", **others)


def refusal(call, **request):
    with pytest.raises(ClientError) as refused:
        call(**request)
    return refused.value.response


@pytest.fixture(scope="module")
def served(standin, make_lab):
    """An endpoint for tests that only ask it: its lab, and its description."""
    shared = make_lab(standin)  # of another name each time: a module's tests need not run in one go
    yield shared, shared.deploy(shared.name, "forty-two ")
    shared.close()


def test_an_endpoint_answers(served):
    lab, description = served
    assert description["EndpointStatus"] == "InService"
    answer = invoke(lab, lab.name, b"x")
    assert answer["Body"].read().startswith(b"forty-two ")
    assert answer["ContentType"].startswith("text/plain")
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_an_endpoint_description_does_not_say_where_on_this_machine_it_is(served):
    _, description = served
    assert "EndpointUrl" not in description


def test_a_model_description_tells_what_the_request_left_to_aws(served):
    lab, _ = served
    assert lab.sagemaker.describe_model(ModelName=f"{lab.name}-1")["EnableNetworkIsolation"] is False


def test_a_model_that_fails_is_a_model_error_with_its_status(served):
    lab, _ = served
    response = refusal(invoke, lab=lab, endpoint=lab.name, body=b"fail")
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 500
    message = response["Error"]["Message"]
    assert message.startswith("Received server error (500) from primary with message")
    assert "predict_fn failed: " in message
    assert Path(message.rpartition(": ")[2]).is_file()


def test_an_endpoint_that_is_not_there_is_a_validation_error(lab):
    response = refusal(invoke, lab=lab, endpoint="nobody")
    assert response["ResponseMetadata"]["RequestId"]
    assert response["Error"] == {
        "Code": "ValidationError",
        "Message": "Endpoint nobody of account 123456789012 not found.",
    }


def test_a_body_over_six_megabytes_is_refused(served):
    lab, _ = served
    assert refusal(invoke, lab=lab, endpoint=lab.name, body=bytes(6_291_457))["Error"]["Code"] == "413"


def test_the_one_variant_may_be_named_and_no_other(served):
    lab, _ = served
    assert invoke(lab, lab.name, TargetVariant="AllTraffic")["InvokedProductionVariant"] == "AllTraffic"
    response = refusal(invoke, lab=lab, endpoint=lab.name, TargetVariant="blue")
    assert response["Error"]["Code"] == "ValidationError"
    assert "blue" in response["Error"]["Message"]


@pytest.mark.slow
def test_a_member_that_is_not_honoured_is_refused_by_name(served):
    lab, _ = served
    response = refusal(invoke, lab=lab, endpoint=lab.name, TargetModel="other.tar.gz")
    assert "TargetModel" in response["Error"]["Message"]


def test_tags_are_of_what_is_there_and_go_with_it(lab):
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model/{lab.name}"
    tags = [{"Key": "team", "Value": "a"}]
    refused = refusal(lab.sagemaker.add_tags, ResourceArn=arn, Tags=tags)
    assert refused["Error"] == {"Code": "ValidationException", "Message": "Requested resource not found."}
    lab.model(lab.name, "a")
    assert lab.sagemaker.add_tags(ResourceArn=arn, Tags=tags)["Tags"] == tags
    lab.sagemaker.delete_model(ModelName=lab.name)
    lab.model(lab.name, "another")
    assert lab.sagemaker.list_tags(ResourceArn=arn)["Tags"] == []


def test_an_endpoint_is_tagged_by_its_arn(served):
    lab, description = served
    lab.sagemaker.add_tags(ResourceArn=description["EndpointArn"], Tags=[{"Key": "team", "Value": "a"}])
    assert lab.sagemaker.list_tags(ResourceArn=description["EndpointArn"])["Tags"] == [{"Key": "team", "Value": "a"}]


@pytest.mark.slow
def test_what_a_server_prints_is_in_the_endpoint_log(lab):
    lab.deploy(lab.name, "a")
    lab.sagemaker.delete_endpoint(EndpointName=lab.name)
    lab.endpoints.clear()
    [(stream, lines)] = lab.lines(f"/aws/sagemaker/Endpoints/{lab.name}", "AllTraffic/").items()
    for words in ("Listening", "Handling signal: term"):  # what it prints first, and as it ends
        assert any(words in line for line in lines), stream


@pytest.mark.slow
def test_an_endpoint_that_has_failed_has_its_name_until_it_is_deleted(lab):
    lab.model(lab.name, "", script="this is no Python")
    variant = {"VariantName": "AllTraffic", "ModelName": lab.name, "InstanceType": "ml.m5.large"}
    lab.sagemaker.create_endpoint_config(
        EndpointConfigName=lab.name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    asked = {"EndpointName": lab.name, "EndpointConfigName": lab.name}
    lab.sagemaker.create_endpoint(**asked)
    assert lab.wait("endpoint", lab.name)["EndpointStatus"] == "Failed"
    assert "already existing" in refusal(lab.sagemaker.create_endpoint, **asked)["Error"]["Message"]
    lab.sagemaker.delete_endpoint(EndpointName=lab.name)
    assert "Could not find" in refusal(lab.sagemaker.delete_endpoint, EndpointName=lab.name)["Error"]["Message"]


@pytest.fixture
def gate(tmp_path):
    """What a script behind it waits for."""
    opened = tmp_path / "gate"
    yield opened
    opened.touch()


def behind(gate):
    return f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.01)\n{ECHO}"


@pytest.mark.slow
def test_an_update_changes_what_answers_and_ends_what_answered(lab, gate):
    lab.deploy(lab.name, "old ")
    config = lab.endpoint_config(f"{lab.name}-2", "new ", behind(gate))
    lab.sagemaker.update_endpoint(EndpointName=lab.name, EndpointConfigName=config)
    assert lab.sagemaker.describe_endpoint(EndpointName=lab.name)["EndpointStatus"] == "Updating"
    assert invoke(lab, lab.name)["Body"].read().startswith(b"old ")
    gate.touch()
    description = lab.wait("endpoint", lab.name)
    assert description["EndpointConfigName"] == config
    assert invoke(lab, lab.name)["Body"].read().startswith(b"new ")
    listed = lab.sagemaker.list_endpoints(NameContains=lab.name)["Endpoints"]
    assert [each["EndpointName"] for each in listed] == [lab.name]


@pytest.mark.slow
def test_an_endpoint_that_is_being_updated_is_not_updated_again(lab, gate):
    lab.deploy(lab.name, "old ")
    config = lab.endpoint_config(f"{lab.name}-2", "new ", behind(gate))
    again = {"EndpointName": lab.name, "EndpointConfigName": config}
    lab.sagemaker.update_endpoint(**again)
    message = refusal(lab.sagemaker.update_endpoint, **again)["Error"]["Message"]
    assert message.startswith("Cannot update in-progress endpoint")


@pytest.mark.slow
def test_an_endpoint_whose_update_fails_goes_on_with_what_it_had(lab):
    lab.deploy(lab.name, "old ")
    lab.model(f"{lab.name}-broken", "", script="this is no Python")
    variant = {"VariantName": "AllTraffic", "ModelName": f"{lab.name}-broken", "InstanceType": "ml.m5.large"}
    config = f"{lab.name}-broken"
    lab.sagemaker.create_endpoint_config(
        EndpointConfigName=config, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    lab.sagemaker.update_endpoint(EndpointName=lab.name, EndpointConfigName=config)
    assert lab.wait("endpoint", lab.name)["EndpointConfigName"] == f"{lab.name}-1"
    assert invoke(lab, lab.name)["Body"].read().startswith(b"old ")


def test_models_and_configurations_are_listed_and_deleted(lab):
    lab.endpoint_config(lab.name, "a")
    assert [each["ModelName"] for each in lab.sagemaker.list_models(NameContains=lab.name)["Models"]] == [lab.name]
    configs = lab.sagemaker.list_endpoint_configs(NameContains=lab.name)["EndpointConfigs"]
    assert [each["EndpointConfigName"] for each in configs] == [lab.name]
    lab.sagemaker.delete_endpoint_config(EndpointConfigName=lab.name)
    lab.sagemaker.delete_model(ModelName=lab.name)
    assert lab.sagemaker.list_models(NameContains=lab.name)["Models"] == []
    message = refusal(lab.sagemaker.describe_model, ModelName=lab.name)["Error"]["Message"]
    assert message == f'Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model/{lab.name}".'


def transform(lab, model):
    lab.sagemaker.create_transform_job(
        TransformJobName=lab.name,
        ModelName=model,
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{lab.name}/in"}},
            "ContentType": "text/plain",
        },
        TransformOutput={"S3OutputPath": f"s3://{lab.name}/predicted"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )


@pytest.mark.slow
def test_a_transform_job_writes_predictions_beside_the_names_of_its_input(lab):
    lab.put("in/a.txt", "x")
    transform(lab, lab.model(lab.name, "said "))
    description = lab.wait("transform_job", lab.name)
    assert description["TransformJobStatus"] == "Completed", description.get("FailureReason")
    assert description["CreationTime"] <= description["TransformStartTime"] <= description["TransformEndTime"]
    assert lab.get(f"s3://{lab.name}/predicted/a.txt.out").startswith(b"said ")
    assert lab.lines("/aws/sagemaker/TransformJobs")


@pytest.mark.slow
@pytest.mark.timeout(60)  # half of a training job's grace
def test_a_transform_job_that_is_stopped_does_not_wait_for_its_server_to_answer(tmp_path, make_lab, gate):
    own = start_standin(tmp_path / "own", "--stop-grace", "120")
    try:
        lab = make_lab(own)
        lab.put("in/a.txt", "x")
        begun = tmp_path / "begun"
        transform(lab, lab.model(lab.name, "", f"open({str(begun)!r}, 'w').close()\n{behind(gate)}"))
        while not begun.exists():
            time.sleep(0.02)
        lab.sagemaker.stop_transform_job(TransformJobName=lab.name)
        assert lab.wait("transform_job", lab.name)["TransformJobStatus"] == "Stopped"
    finally:
        assert end_standin(own) == 0


def test_a_processing_job_reads_and_writes_s3(lab):
    lab.put("in/a.csv", "a,b")
    script = (
        "from pathlib import Path\n"
        "text = Path('/opt/ml/processing/input/in/a.csv').read_text()\n"
        "Path('/opt/ml/processing/output/b.csv').write_text(text.upper())\nprint('done')\n"
    )
    code = lab.put("code/run.py", script)

    def read(name, uri, path):
        location = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}
        return {"InputName": name, "S3Input": location}

    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"
    written = {"S3Uri": f"s3://{lab.name}/o", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    lab.sagemaker.create_processing_job(
        ProcessingJobName=lab.name,
        RoleArn=lab.standin.role,
        AppSpecification={
            "ImageUri": image,
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
        },
        ProcessingInputs=[
            read("in", f"s3://{lab.name}/in", "/opt/ml/processing/input/in"),
            read("code", code, "/opt/ml/processing/input/code"),
        ],
        ProcessingOutputConfig={"Outputs": [{"OutputName": "o", "S3Output": written}]},
        ProcessingResources={
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
        },
    )
    description = lab.wait("processing_job", lab.name)
    assert description["ProcessingJobStatus"] == "Completed", description.get("FailureReason")
    assert lab.get(f"s3://{lab.name}/o/b.csv") == b"A,B"
    [lines] = lab.lines("/aws/sagemaker/ProcessingJobs").values()
    assert lines == ["done"]


@pytest.mark.slow
def test_jobs_of_different_kinds_may_have_the_same_name(lab):
    lab.train("print('trained')")
    request = {
        "ProcessingJobName": lab.name,
        "RoleArn": lab.standin.role,
        "AppSpecification": {
            "ImageUri": "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
            "ContainerEntrypoint": ["python3", "-c", "print('processed')"],
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
        },
    }
    lab.sagemaker.create_processing_job(**request)
    described = lab.wait("processing_job", lab.name)
    assert described["ProcessingJobStatus"] == "Completed", described.get("FailureReason")
    assert lab.wait("training_job", lab.name)["TrainingJobStatus"] == "Completed"
    printed = [lab.lines(f"/aws/sagemaker/{kind}Jobs") for kind in ("Training", "Processing")]
    assert [list(streams.values()) for streams in printed] == [[["trained"]], [["processed"]]]
    assert refusal(lab.sagemaker.create_processing_job, **request)["Error"]["Code"] == "ResourceInUse"
    found = lab.sagemaker.list_processing_jobs(NameContains=lab.name)["ProcessingJobSummaries"]
    assert [each["ProcessingJobName"] for each in found] == [lab.name]
