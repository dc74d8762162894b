"""What no SDK would send: each a clear refusal, and the stand-in goes on."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from socket import SHUT_WR

import pytest

HEADERS = {"Content-Type": "application/x-amz-json-1.1"}


def post(standin, operation, body, headers=HEADERS, path="/"):
    connection = HTTPConnection(standin.url.removeprefix("http://"), timeout=120)
    try:
        connection.request("POST", path, body, {**headers, "X-Amz-Target": f"SageMaker.{operation}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read() or b"{}")
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("operation", "body", "status", "code"),
    [
        ("DescribeTrainingJob", b"{", 400, "SerializationException"),
        ("DescribeTrainingJob", b"\xff\xfe", 400, "SerializationException"),
        ("DescribeTrainingJob", b"[]", 400, "SerializationException"),
        ("DescribeTrainingJob", b"NaN", 400, "SerializationException"),
        ("DescribeTrainingJob", b"[" * 100_000, 400, "SerializationException"),
        ("DescribeTrainingJob", b'{"TrainingJobName": 7}', 400, "SerializationException"),
        ("ListTrainingJobs", b'{"CreationTimeAfter": 1e30}', 400, "SerializationException"),
        ("ListTrainingJobs", b'{"CreationTimeAfter": "yesterday"}', 400, "SerializationException"),
        ("ListTrainingJobs", b'{"CreationTimeAfter": true}', 400, "SerializationException"),
        ("DescribeTrainingJob", b"", 400, "ValidationException"),
        ("DescribeTrainingJob", b'{"TrainingJobName": null}', 400, "ValidationException"),
        ("DescribeTrainingJob", b'{"TrainingJobName": "../../etc"}', 400, "ValidationException"),
        ("ListTrainingJobs", b'{"NextToken": "here"}', 400, "ValidationException"),
        ("ListTrainingJobs", '{"NextToken": "²"}'.encode(), 400, "ValidationException"),
        ("CreateTrainingJob", b'{"TrainingJobName": "a"}', 400, "ValidationException"),
        ("MakeCoffee", b"{}", 400, "UnknownOperationException"),
        ("__init__", b"{}", 400, "UnknownOperationException"),
        ("Close", b"{}", 400, "UnknownOperationException"),
        ("DescribeTrainingJob", b" " * 8_000_000, 413, "RequestEntityTooLargeException"),
    ],
)
def test_a_malformed_request_is_refused_with_a_code_of_aws(standin, operation, body, status, code):
    answered, document = post(standin, operation, body)
    assert (answered, document["__type"]) == (status, code)
    assert document["message"]


def test_a_job_that_needs_no_instance_of_its_own_is_refused_by_name(standin):
    request = {
        "TrainingJobName": "serverless",
        "RoleArn": standin.role,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ServerlessJobConfig": {
            "JobType": "FineTuning",
            "BaseModelArn": "arn:aws:sagemaker:us-east-1:aws:hub-content/a/Model/b",
        },
    }
    status, document = post(standin, "CreateTrainingJob", json.dumps(request))
    assert (status, document["__type"]) == (400, "ValidationException")
    assert "ServerlessJobConfig" in document["message"]


def test_another_content_type_is_refused(standin):
    status, document = post(standin, "ListTrainingJobs", b"{}", {"Content-Type": "text/plain"})
    assert (status, document["__type"]) == (400, "SerializationException")


def test_a_missing_member_is_refused_in_the_words_of_aws(standin):
    _, document = post(standin, "DescribeTrainingJob", b"{}")
    assert document["message"] == (
        "1 validation error detected: Value null at 'trainingJobName' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_a_body_that_never_comes_stops_nobody_else(standin):
    connection = HTTPConnection(standin.url.removeprefix("http://"), timeout=120)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", "1000")
    connection.putheader("X-Amz-Target", "SageMaker.ListTrainingJobs")
    connection.putheader("Content-Type", HEADERS["Content-Type"])
    connection.endheaders(b"{")
    assert post(standin, "ListTrainingJobs", b"{}")[0] == 200
    connection.close()


def test_a_connection_answers_more_than_one_request(standin):
    connection = HTTPConnection(standin.url.removeprefix("http://"), timeout=120)
    for body in (b"{", b"{}", b""):
        connection.request("POST", "/", body, {**HEADERS, "X-Amz-Target": "SageMaker.ListTrainingJobs"})
        connection.sock.settimeout(30)
        connection.getresponse().read()
        assert connection.sock is not None
    connection.close()


@pytest.mark.slow
def test_fifty_at_a_time_are_all_answered(lab):
    lab.train("print('hello')")
    body = json.dumps({"TrainingJobName": lab.name}).encode()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: post(lab.standin, "DescribeTrainingJob", body), range(50)))
    assert {(status, document["TrainingJobStatus"]) for status, document in answers} == {(200, "Completed")}


@pytest.mark.parametrize("path", ["/endpoints/a/b/invocations", "/endpoints/a/invocations-response-stream"])
def test_another_path_of_the_runtime_is_no_operation(standin, path):
    scope = "AWS4-HMAC-SHA256 Credential=AKID/20300101/us-east-1/sagemaker/aws4_request, Signature=0"
    connection = HTTPConnection(standin.url.removeprefix("http://"), timeout=120)
    connection.request("POST", path, b"", {"Authorization": scope})
    response = connection.getresponse()
    assert (response.status, response.headers["x-amzn-ErrorType"]) == (404, "UnknownOperationException")
    connection.close()


@pytest.mark.parametrize("host", [None, "evil.example"])
@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT"])
def test_a_web_page_of_another_site_is_refused_whatever_it_asks(standin, method, host):
    headers = {**HEADERS, "X-Amz-Target": "SageMaker.ListTrainingJobs", "Origin": "http://evil.example"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-amz-target"}
    connection = HTTPConnection(standin.url.removeprefix("http://"), timeout=120)
    connection.request(method, "/bucket", b"{}", {**headers, **asked, **({"Host": host} if host else {})})
    response = connection.getresponse()
    assert (response.status, response.headers["x-amzn-ErrorType"]) == (403, "AccessDeniedException")
    assert not [name for name in response.headers if name.lower().startswith("access-control")]
    connection.close()


@pytest.mark.parametrize("length", ["-1", "+2", "2, 2", "²"])
def test_a_length_that_is_no_number_is_refused(standin, length):
    connection = HTTPConnection(standin.url.removeprefix("http://"), timeout=120)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", length.encode("latin-1"))
    connection.endheaders(b"{}")
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize("path", ["/", "/bucket/key"])
@pytest.mark.parametrize(
    ("header", "sent"),
    [(("Content-Length", "10"), b"{"), (("Transfer-Encoding", "chunked"), b"1\r\n{")],
    ids=["length", "chunks"],
)
def test_a_client_that_breaks_off_its_request_is_no_failure_of_the_stand_in(standin, path, header, sent):
    connection = HTTPConnection(standin.url.removeprefix("http://"), timeout=120)
    connection.putrequest("POST", path)
    for name, value in {**HEADERS, "X-Amz-Target": "SageMaker.ListTrainingJobs"}.items():
        connection.putheader(name, value)
    connection.putheader(*header)
    connection.endheaders(sent)
    connection.sock.shutdown(SHUT_WR)
    answer = connection.sock.makefile("rb").read()
    connection.close()
    assert answer.startswith(b"HTTP/1.1 4")
