"""The way in for clients that name AWS's hosts themselves."""

from __future__ import annotations

import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from http.client import HTTPSConnection

import pytest

from harness.standin import proxy
from harness.standin.authority import Authority
from tests.conftest import end_standin, start_standin

CLIENT = """
import boto3
print(boto3.client("sts", endpoint_url="https://sts.eu-west-1.amazonaws.com").get_caller_identity()["Account"])
s3 = boto3.client("s3")
s3.create_bucket(Bucket="by-proxy")
s3.put_object(Bucket="by-proxy", Key="a key/with ü", Body=b"1" * 3_000_000)
print(len(s3.get_object(Bucket="by-proxy", Key="a key/with ü")["Body"].read()))
print(s3.list_objects_v2(Bucket="by-proxy")["Contents"][0]["Key"])
print(boto3.client("sagemaker").list_models(NameContains="nothing")["Models"])
try:
    boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName="nobody", Body=b"")
except Exception as error:
    print(type(error).__name__)
"""


@pytest.mark.parametrize(
    ("host", "aws"),
    [
        ("sts.us-east-1.amazonaws.com", True),
        ("runtime.sagemaker.eu-west-1.amazonaws.com", True),
        ("s3.cn-north-1.amazonaws.com.cn", True),
        ("logs.us-east-1.api.aws", True),
        ("amazonaws.com", False),
        ("amazonaws.com.evil.org", False),
        ("notamazonaws.com", False),
        ("packages.example", False),
    ],
)
def test_hosts_of_aws_are_told_from_others(host, aws):
    assert proxy.is_aws(host) is aws


@pytest.mark.parametrize(
    ("host", "named", "passes"),
    [
        ("packages.example", ["packages.example"], True),
        ("files.packages.example", ["packages.example"], True),
        ("files.packages.example", [".packages.example"], True),
        ("notpackages.example", ["packages.example"], False),
        ("anything", ["*"], True),
        ("packages.example", [], False),
    ],
)
def test_a_host_passes_if_it_or_its_domain_is_named(host, named, passes):
    assert proxy.is_passed_through(host, named) is passes


@pytest.mark.parametrize("authority", ["", "host", "host:", ":443", "host:https"])
def test_what_is_not_host_and_port_is_no_authority(authority):
    with pytest.raises(ValueError, match="host:port"):
        proxy.split(authority)


def test_every_start_has_a_key_of_its_own():
    assert Authority().certificate != Authority().certificate


@pytest.mark.slow
def test_an_unmodified_client_reaches_every_service_by_the_names_of_aws(standin):
    environment = {**os.environ, **standin.environment}
    del environment["AWS_ENDPOINT_URL"]
    done = subprocess.run([sys.executable, "-c", CLIENT], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines() == ["123456789012", "3000000", "a key/with ü", "[]", "ValidationError"], done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("aws") is None, reason="there is no AWS CLI on this machine")
def test_the_aws_cli_finds_it_by_the_endpoint(standin):
    command = ["aws", "sagemaker", "list-training-jobs", "--name-contains", "nothing-of-the-kind"]
    done = subprocess.run(command, env={**os.environ, **standin.env}, capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == {"TrainingJobSummaries": []}, done.stderr


def connect(standin, host):
    """The proxy's answer to CONNECT, and the connection."""
    port = int(standin.url.rpartition(":")[2])
    connection = socket.create_connection(("127.0.0.1", port), timeout=120)
    connection.sendall(f"CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return connection.recv(65536), connection


def test_another_host_is_refused_and_how_to_let_it_through_is_said(standin):
    answer, connection = connect(standin, "packages.example:443")
    with connection:
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"--pass-through packages.example" in answer


@pytest.mark.slow
def test_a_host_that_is_passed_through_is_connected_to(tmp_path):
    class Echo(socketserver.BaseRequestHandler):
        def handle(self):
            while data := self.request.recv(100):
                self.request.sendall(data.upper())

    with socketserver.TCPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        own = start_standin(tmp_path / "own", "--pass-through", "127.0.0.1")
        try:
            answer, connection = connect(own, f"127.0.0.1:{server.server_address[1]}")
            with connection:
                assert answer.startswith(b"HTTP/1.1 200 ")
                connection.sendall(b"hello")
                assert connection.recv(100) == b"HELLO"
        finally:
            assert end_standin(own) == 0
            server.shutdown()


@pytest.mark.slow
def test_who_does_not_know_the_authority_does_not_trust_it(standin):
    port = int(standin.url.rpartition(":")[2])
    connection = HTTPSConnection("127.0.0.1", port, timeout=120, context=ssl.create_default_context())
    connection.set_tunnel("s3.amazonaws.com", 443)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.connect()
    connection.close()
