"""Models, endpoints and predictions, by the client's verbs."""

from __future__ import annotations

import io
import json

import numpy
import pytest


def npy(array) -> bytes:
    """An array in numpy's own format."""
    content = io.BytesIO()
    numpy.save(content, numpy.array(array))
    return content.getvalue()


class TestAnEndpoint:
    def test_in_service_is_described_so(self, place, endpoint, model):
        described = place.describe("Endpoint", endpoint)
        assert described["EndpointStatus"] == "InService"
        config = place.client.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        assert [variant["ModelName"] for variant in config["ProductionVariants"]] == [model]
        assert [variant["VariantName"] for variant in described["ProductionVariants"]] == ["AllTraffic"]

    @pytest.mark.parametrize(
        ("content_type", "body", "accept", "answer"),
        [
            ("text/csv", b"1,2\n3,4\n", "text/csv", "6.0\n14.0\n"),
            ("text/csv", "1,2\n3,4\n", "application/json", "[6.0, 14.0]"),
            ("application/json", b"[[1, 2], [3, 4]]", "text/csv", "6.0\n14.0\n"),
            ("application/x-npy", npy([[1, 2]]), "application/json", "[6.0]"),
        ],
    )
    def test_answers_in_the_type_that_is_wanted(self, place, endpoint, content_type, body, accept, answer):
        told = place.runtime.invoke_endpoint(EndpointName=endpoint, Body=body, ContentType=content_type, Accept=accept)
        assert told["Body"].read().decode() == answer
        assert told["ContentType"].partition(";")[0] == accept
        assert told["InvokedProductionVariant"] == "AllTraffic"

    @pytest.mark.slow
    def test_answers_numpy_s_format_with_its_type(self, place, endpoint):
        told = place.runtime.invoke_endpoint(
            EndpointName=endpoint, Body=npy([[0.5]]), ContentType="application/x-npy", Accept="application/x-npy"
        )
        assert numpy.load(io.BytesIO(told["Body"].read())).tolist() == [1.0]

    def test_answers_json_where_no_type_is_named(self, place, endpoint):
        told = place.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"[[1, 2]]")
        assert json.loads(told["Body"].read()) == [6.0]

    @pytest.mark.parametrize(("body", "content_type"), [(b"a,b\n", "text/csv"), (b"x", "text/plain")])
    def test_answers_what_it_cannot_read_with_a_model_error(self, place, endpoint, refused, body, content_type):
        arguments = {"EndpointName": endpoint, "Body": body, "ContentType": content_type}
        assert refused(place.runtime.invoke_endpoint, **arguments) == "ModelError"
        with pytest.raises(Exception, match="500") as caught:
            place.runtime.invoke_endpoint(**arguments)
        assert caught.value.response["OriginalStatusCode"] == 500
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 424

    def test_refuses_what_is_too_large(self, place, endpoint):
        with pytest.raises(Exception, match="6291456") as caught:
            place.runtime.invoke_endpoint(EndpointName=endpoint, Body=bytes(6_291_457))
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413

    def test_that_there_is_not_is_a_validation_error(self, place, refused):
        assert refused(place.runtime.invoke_endpoint, EndpointName="none", Body=b"1") == "ValidationError"
        assert refused(place.client.describe_endpoint, EndpointName="none") == "ValidationException"

    def test_is_listed_with_its_status(self, place, endpoint):
        found = place.client.list_endpoints(NameContains=endpoint)["Endpoints"]
        assert [(each["EndpointName"], each["EndpointStatus"]) for each in found] == [(endpoint, "InService")]

    def test_has_a_name_of_its_own(self, place, endpoint, refused):
        config = place.describe("Endpoint", endpoint)["EndpointConfigName"]
        request = {"EndpointName": endpoint, "EndpointConfigName": config}
        assert refused(place.client.create_endpoint, **request) == "ValidationException"

    @pytest.mark.slow
    def test_can_be_deleted_once(self, place, model, refused):
        name = place.deploy(model)["EndpointName"]
        place.client.delete_endpoint(EndpointName=name)
        assert refused(place.client.delete_endpoint, EndpointName=name) == "ValidationException"
        assert refused(place.runtime.invoke_endpoint, EndpointName=name, Body=b"1") == "ValidationError"

    @pytest.mark.slow
    def test_whose_model_cannot_be_loaded_fails_with_the_reason(self, place):
        described = place.deploy(place.model("def model_fn(model_dir): raise ValueError('no tree')"))
        place.client.delete_endpoint(EndpointName=described["EndpointName"])
        assert described["EndpointStatus"] == "Failed"
        assert "did not pass the ping health check" in described["FailureReason"]


class TestAModel:
    def test_is_described_as_it_was_made(self, place, model):
        described = place.client.describe_model(ModelName=model)
        assert described["PrimaryContainer"]["Environment"]["SAGEMAKER_PROGRAM"] == "inference.py"

    def test_and_a_configuration_have_names_of_their_own(self, place, model, refused):
        described = place.client.describe_model(ModelName=model)
        request = {name: described[name] for name in ("ModelName", "ExecutionRoleArn", "PrimaryContainer")}
        assert refused(place.client.create_model, **request) == "ValidationException"
        config = place.client.describe_endpoint_config(EndpointConfigName=place.endpoint_config(model))
        request = {name: config[name] for name in ("EndpointConfigName", "ProductionVariants")}
        assert refused(place.client.create_endpoint_config, **request) == "ValidationException"

    def test_and_a_configuration_can_be_deleted_once(self, place, refused):
        name = place.model()
        config = place.endpoint_config(name)
        place.client.delete_endpoint_config(EndpointConfigName=config)
        place.client.delete_model(ModelName=name)
        assert refused(place.client.delete_endpoint_config, EndpointConfigName=config) == "ValidationException"
        assert refused(place.client.delete_model, ModelName=name) == "ValidationException"
        assert refused(place.client.describe_model, ModelName=name) == "ValidationException"

    def test_without_data_cannot_be_made(self, place, model, refused):
        described = place.client.describe_model(ModelName=model)
        primary = {**described["PrimaryContainer"], "ModelDataUrl": place.new() + "/model.tar.gz"}
        request = {"ModelName": place.name(), "ExecutionRoleArn": described["ExecutionRoleArn"]}
        assert refused(place.client.create_model, **request, PrimaryContainer=primary) == "ValidationException"
