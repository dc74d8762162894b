"""Endpoints and models: what this engine cannot honour, what it describes, why a server has ended."""

from __future__ import annotations

import socket

import pytest

from harness import service_model, validation
from harness.engine import hosting, models, serving
from harness.engine.hosts import Ended, Stop
from harness.engine.settings import EngineSettings
from harness.engine.store import Job, Vanished, write_json
from harness.errors import HarnessError

VARIANT = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
PRIMARY = {"Image": "i", "ModelDataUrl": "file:///model.tar.gz"}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, None),
        ({"ProductionVariants": [VARIANT, VARIANT]}, "ProductionVariants"),
        ({"ProductionVariants": [{**VARIANT, "InitialInstanceCount": 2}]}, "InitialInstanceCount"),
        ({"ProductionVariants": [{**VARIANT, "ServerlessConfig": {}}]}, "ServerlessConfig"),
        ({"ProductionVariants": [{"VariantName": "AllTraffic"}]}, "ModelName"),
        ({"DataCaptureConfig": {}}, "DataCaptureConfig"),
        ({"AsyncInferenceConfig": {}}, "AsyncInferenceConfig"),
        ({"ShadowProductionVariants": []}, "ShadowProductionVariants"),
        ({"KmsKeyId": "k"}, "KmsKeyId"),
    ],
)
def test_an_endpoint_configuration_is_refused_by_the_name_of_what_cannot_be_had(change, named):
    found = list(hosting.refusals({"ProductionVariants": [VARIANT], **change}))
    assert len(found) == (0 if named is None else 1)
    assert all(named in each and "--on remote" in each for each in found)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, None),
        ({"PrimaryContainer": {**PRIMARY, "Mode": "MultiModel"}}, "MultiModel"),
        ({"PrimaryContainer": {**PRIMARY, "ModelDataSource": {}}}, "ModelDataSource"),
        ({"PrimaryContainer": {"Image": "i"}}, "ModelDataUrl"),
        ({"VpcConfig": {}}, "VpcConfig"),
    ],
)
def test_a_model_is_refused_by_the_name_of_what_cannot_be_had(change, named):
    found = list(models.refusals({"PrimaryContainer": PRIMARY, **change}))
    assert len(found) == (0 if named is None else 1)
    assert all(named in each for each in found)


def test_a_pipeline_of_containers_is_refused():
    (found,) = models.refusals({"Containers": [PRIMARY, PRIMARY]})
    assert "a pipeline of 2 containers" in found


def test_a_new_endpoint_is_described_as_aws_would():
    request = {"EndpointName": "E", "EndpointConfigName": "c"}
    described = hosting.describe_new(request, {"ProductionVariants": [VARIANT]}, EngineSettings())
    assert described["EndpointStatus"] == "Creating"
    assert described["EndpointArn"].endswith(":endpoint/e")
    model = service_model.load()
    assert validation.validate_response("DescribeEndpoint", described, local=True, model=model) == ()


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("algo-1 | noise\nalgo-1 | harness.server failed: no model_fn\nalgo-1 | more\n", "no model_fn"),
        ("algo-1 | one\nalgo-1 | two\n", "ended with 7. Its last lines:\nalgo-1 | one\nalgo-1 | two"),
        ("".join(f"line {n}\n" for n in range(9)), "line 4\nline 5\nline 6\nline 7\nline 8"),
        ("", "exit code 7"),
    ],
)
def test_a_server_that_ended_is_explained_by_its_own_last_words_or_lines(tmp_path, log, reason):
    (tmp_path / "log").write_text(log)
    assert serving.why_it_ended(tmp_path / "log", 7).endswith(reason)


@pytest.mark.parametrize("stop", [Stop.ABANDONED, None])
def test_the_end_of_an_endpoint_is_that_of_its_own_folder_alone(tmp_path, stop):
    request, config = {"EndpointName": "e", "EndpointConfigName": "c"}, {"ProductionVariants": [VARIANT]}
    write_json(tmp_path / "describe.json", hosting.describe_new(request, config, EngineSettings()))
    EngineSettings().write(tmp_path)
    another = Job(tmp_path, is_there=lambda: False)
    with pytest.raises(Vanished):
        hosting.keep(another, lambda settings, log: Ended({"algo-1": 1}, stop), lambda ended: "")
    assert Job(tmp_path).status == "Creating"


def test_a_port_that_is_taken_is_said_to_be():
    with serving._listen(0) as taken, pytest.raises(HarnessError, match="Address already in use"):
        serving._listen(taken.getsockname()[1])


def test_nobody_waits_for_a_ping_that_a_server_which_has_ended_will_not_answer(monkeypatch):
    monkeypatch.setattr(serving, "PING_LIMIT", 3600.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        readiness = serving.Readiness(lambda: f"http://127.0.0.1:{listener.getsockname()[1]}")
        readiness.start()
        asking, _ = listener.accept()
        with asking:
            assert asking.recv(100).startswith(b"GET /ping ")
            readiness.join()
            assert asking.recv(100) == b""
