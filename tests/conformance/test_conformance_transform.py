"""Batch transform jobs, by the client's verbs. The model adds up each row and doubles the sum."""

from __future__ import annotations

import gzip
import json

import pytest

CSV = "text/csv"
ROWS = "1,2\n3,4\n5,6\n"


def transform(place, model, files, *, source=None, target=None, kind="S3Prefix", uri=None, **members) -> dict:
    """Run a transform job over files; its description."""
    data = {"S3DataSource": {"S3DataType": kind, "S3Uri": uri or place.put(files)}}
    request = {
        "TransformJobName": place.name("transform"),
        "ModelName": model,
        "TransformInput": {"DataSource": data, "ContentType": CSV, "SplitType": "Line", **(source or {})},
        "TransformOutput": {"S3OutputPath": place.new(), "Accept": CSV, "AssembleWith": "Line", **(target or {})},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **members,
    }
    return place.run("TransformJob", request)


def outputs(place, described) -> dict[str, str]:
    """What a job put out, by name."""
    found = place.read(described["TransformOutput"]["S3OutputPath"])
    return {name: content.decode() for name, content in found.items()}


class TestATransformJob:
    @pytest.mark.slow
    @pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
    def test_by_line_answers_each_record_in_its_order(self, place, model, strategy):
        described = transform(place, model, {"a.csv": ROWS, "deep/b.csv": "7,8\n"}, BatchStrategy=strategy)
        assert described["TransformJobStatus"] == "Completed"
        assert outputs(place, described) == {"a.csv.out": "6.0\n14.0\n22.0\n", "deep/b.csv.out": "30.0\n"}

    @pytest.mark.slow
    def test_of_whole_files_sends_each_as_one_request(self, place, model):
        described = transform(place, model, {"a.csv": ROWS}, source={"SplitType": "None"})
        assert outputs(place, described) == {"a.csv.out": "6.0\n14.0\n22.0\n"}

    @pytest.mark.slow
    @pytest.mark.parametrize(("assemble", "output"), [("Line", "[6.0]\n[14.0]\n"), ("None", "[6.0][14.0]")])
    def test_assembles_responses_as_it_is_told(self, place, model, assemble, output):
        described = transform(
            place,
            model,
            {"a.csv": "1,2\n3,4\n"},
            target={"Accept": "application/json", "AssembleWith": assemble},
            BatchStrategy="SingleRecord",
        )
        assert outputs(place, described) == {"a.csv.out": output}

    @pytest.mark.slow
    def test_sends_several_requests_at_a_time_and_keeps_the_order(self, place, model):
        rows = "".join(f"{number},0\n" for number in range(200))
        limits = {"MaxConcurrentTransforms": 4, "MaxPayloadInMB": 1, "BatchStrategy": "SingleRecord"}
        described = transform(place, model, {"a.csv": rows}, **limits)
        assert outputs(place, described)["a.csv.out"] == "".join(f"{number * 2.0}\n" for number in range(200))

    @pytest.mark.slow
    def test_decompresses_gzip(self, place, model):
        described = transform(place, model, {"a.csv.gz": gzip.compress(b"1,2\n")}, source={"CompressionType": "Gzip"})
        assert outputs(place, described) == {"a.csv.gz.out": "6.0\n"}

    @pytest.mark.slow
    def test_takes_from_a_manifest_only_what_it_names(self, place, model):
        folder = place.put({"a.csv": "1,2\n", "b.csv": "3,4\n"})
        manifest = place.put({"m.json": json.dumps([{"prefix": f"{folder}/"}, "b.csv"])}) + "/m.json"
        described = transform(place, model, {}, kind="ManifestFile", uri=manifest)
        assert outputs(place, described) == {"b.csv.out": "14.0\n"}

    @pytest.mark.slow
    def test_filters_and_joins_rows(self, place, model):
        processing = {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}
        described = transform(place, model, {"a.csv": "first,1,2\nsecond,3,4\n"}, DataProcessing=processing)
        assert outputs(place, described) == {"a.csv.out": "first,6.0\nsecond,14.0\n"}

    @pytest.mark.slow
    def test_filters_and_joins_json(self, place, model):
        json_type = "application/json"
        described = transform(
            place,
            model,
            {"a.json": '{"id": 1, "x": [[1, 2]]}\n{"id": 2, "x": [[3, 4]]}\n'},
            source={"ContentType": json_type},
            target={"Accept": json_type},
            BatchStrategy="SingleRecord",
            DataProcessing={"InputFilter": "$.x", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
        )
        lines = outputs(place, described)["a.json.out"].splitlines()
        assert [json.loads(line) for line in lines] == [
            {"id": 1, "SageMakerOutput": [6.0]},
            {"id": 2, "SageMakerOutput": [14.0]},
        ]

    @pytest.mark.slow
    def test_with_a_bad_record_fails_but_for_the_other_files(self, place, model):
        files = {"bad.csv": "1,2\nno,number\n3,4\n", "good.csv": "1,2\n"}
        described = transform(
            place, model, files, BatchStrategy="SingleRecord", ModelClientConfig={"InvocationsMaxRetries": 0}
        )
        assert described["TransformJobStatus"] == "Failed"
        assert outputs(place, described) == {"good.csv.out": "6.0\n"}

    @pytest.mark.slow
    def test_that_failed_names_file_and_record(self, place, model):
        described = transform(
            place,
            model,
            {"bad.csv": "1,2\nno,number\n"},
            BatchStrategy="SingleRecord",
            ModelClientConfig={"InvocationsMaxRetries": 0},
        )
        assert "bad.csv: record 2: HTTP 500" in described["FailureReason"]

    @pytest.mark.slow
    def test_with_a_record_beyond_the_payload_fails(self, place, model):
        files = {"large.csv": "1," + "0" * 1_100_000 + "\n"}
        described = transform(place, model, files, MaxPayloadInMB=1)
        assert described["TransformJobStatus"] == "Failed"
        assert "large.csv" in described["FailureReason"]
        assert outputs(place, described) == {}

    @pytest.mark.slow
    def test_tells_its_container_of_the_job(self, place):
        tells = """
import os

def model_fn(model_dir):
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith("SAGEMAKER_BATCH")
            or name.startswith("SAGEMAKER_MAX") or name == "GREETING"}

def predict_fn(data, model):
    return model
"""
        described = transform(
            place,
            place.model(tells),
            {"a.csv": "1,2\n"},
            target={"Accept": "application/json"},
            Environment={"GREETING": "hello"},
            BatchStrategy="SingleRecord",
            MaxConcurrentTransforms=2,
            MaxPayloadInMB=3,
        )
        assert json.loads(outputs(place, described)["a.csv.out"]) == {
            "GREETING": "hello",
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD",
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": "2",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": "3",
        }

    @pytest.mark.slow
    def test_whose_model_cannot_be_loaded_fails_with_the_reason(self, place):
        described = transform(place, place.model("def model_fn(model_dir): raise ValueError('no tree')"), {"a": "1\n"})
        assert described["TransformJobStatus"] == "Failed"
        assert "no tree" in described["FailureReason"]

    def test_that_there_is_not_is_not_found(self, place, refused):
        assert refused(place.client.describe_transform_job, TransformJobName="none") == "ValidationException"

    def test_of_no_model_is_refused(self, place):
        with pytest.raises(Exception, match="Could not find model") as caught:
            transform(place, "none", {"a.csv": "1\n"})
        assert caught.value.response["Error"]["Code"] == "ValidationException"
