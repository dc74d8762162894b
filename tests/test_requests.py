"""The requests, held key by key against what the real SDK v2 sends (tests/golden/record.py recorded it)."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import load
from harness.contract.hyperparameters import decode
from harness.errors import ConfigurationError
from harness.requests import (
    LOCAL_ROLE,
    Locations,
    create_endpoint,
    create_endpoint_config,
    create_model,
    create_processing_job,
    create_training_job,
    create_transform_job,
    default_job_name,
)

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("sdk_v2_requests.json").read_text())
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3"


def config(tmp_path, **flags):
    """A configuration of these settings alone; ``__`` stands for the dot of a table."""
    return load(project_dir=tmp_path, flags={key.replace("__", "."): value for key, value in flags.items()}, environ={})


def leaves(document, path=""):
    """A document as path -> value; items of lists by their name, for AWS does not care for their order."""
    if isinstance(document, dict) and document:
        for key, value in document.items():
            yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(document, list) and document and isinstance(document[0], dict):
        for item in document:
            (name,) = [item[key] for key in item if key.endswith("Name") or key == "Key"][:1]
            yield from leaves(item, f"{path}[{name}]")
    else:
        yield path, document


def differences(ours, theirs):
    """Paths whose values differ, with both values; None: not there."""
    ours, theirs = dict(leaves(ours)), dict(leaves(theirs))
    return {
        path: (ours.get(path), theirs.get(path))
        for path in sorted({*ours, *theirs})
        if ours.get(path) != theirs.get(path)
    }


AWS = {
    "on": "remote",
    "region": "eu-west-1",
    "role": "arn:aws:iam::123456789012:role/lab",
    "source_dir": "source",
    "entry_point": "train.py",
    "framework_version": "1.2-1",
    "channels": {"train": "s3://bucket/data/train", "test": "s3://bucket/data/test"},
}
IN_BUCKET = Locations(source="s3://bucket/iris-job/source/sourcedir.tar.gz", output="s3://bucket/")
VPC = {"subnets": ["subnet-0123456789abcdef0"], "security_group_ids": ["sg-0123456789abcdef0"]}
EVERYTHING = {
    **VPC,
    "image_uri": IMAGE,
    "hyperparameters": {"max_leaf_nodes": 30, "criterion": "gini", "alpha": 1e-5, "sizes": [1, 2], "flag": True},
    "metric_definitions": [{"Name": "test:accuracy", "Regex": "test_accuracy=([0-9.]+)"}],
    "environment": {"OMP_NUM_THREADS": "1"},
    "tags": {"team": "lab"},
    "output_path": "s3://bucket/out",
    "output_kms_key": "arn:aws:kms:eu-west-1:123456789012:key/out",
    "volume_kms_key": "arn:aws:kms:eu-west-1:123456789012:key/disk",
    "volume_size": 50,
    "max_run": 3600,
    "max_wait": 7200,
    "use_spot_instances": True,
    "checkpoint_s3_uri": "s3://bucket/checkpoints",
    "checkpoint_local_path": "/opt/ml/checkpoints",
    "max_retry_attempts": 2,
    "encrypt_inter_container_traffic": True,
}
A_CHANNEL = {
    "channels": {
        "train": {
            "uri": "s3://bucket/data/train",
            "distribution": "ShardedByS3Key",
            "compression": "Gzip",
            "content_type": "text/csv",
            "record_wrapping": "RecordIO",
            "input_mode": "Pipe",
            "s3_data_type": "AugmentedManifestFile",
            "attribute_names": ["source-ref", "label"],
            "shuffle_seed": 7,
        }
    }
}


class TestTraining:
    """CreateTrainingJob."""

    @pytest.mark.parametrize(
        ("case", "settings"),
        [
            ("the least", {}),
            ("everything", EVERYTHING),
            ("a channel with everything", A_CHANNEL),
            ("no network", {"enable_network_isolation": True}),
            ("a script alone", {"source_dir": None}),
        ],
    )
    def test_it_is_sdk_v2s_but_for_the_debugger(self, tmp_path, case, settings):
        theirs = GOLDEN["training"][case]
        ours = create_training_job(config(tmp_path, **AWS | settings), job_name="iris-job", locations=IN_BUCKET)
        output = theirs["OutputDataConfig"]["S3OutputPath"]
        assert differences(ours, theirs) == {
            # SageMaker Debugger's hook and profiler, which SDK v2 switches on unasked. They act on deep-learning
            # frameworks, cost storage, and have nothing to do with scikit-learn.
            "DebugHookConfig.CollectionConfigurations": (None, []),
            "DebugHookConfig.S3OutputPath": (None, output),
            "ProfilerConfig.DisableProfiler": (None, False),
            "ProfilerConfig.S3OutputPath": (None, output),
        }

    def test_hyperparameters_are_in_sdk_v2s_order(self, tmp_path):
        ours = create_training_job(config(tmp_path, **AWS | EVERYTHING), job_name="iris-job", locations=IN_BUCKET)
        assert list(ours["HyperParameters"]) == list(GOLDEN["training"]["everything"]["HyperParameters"])

    def test_on_this_machine_everything_is_a_file_uri(self, tmp_path):
        here = config(
            tmp_path / "a b",
            source_dir=str(tmp_path / "a b" / "entry"),
            entry_point="train.py",
            channels={"train": str(tmp_path / "a b" / "data")},
            checkpoint_s3_uri=str(tmp_path / "checkpoints"),
        )
        request = create_training_job(here, job_name="j")
        base = tmp_path.as_uri()
        assert request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"] == f"{base}/a%20b/data"
        assert request["OutputDataConfig"]["S3OutputPath"] == f"{base}/a%20b/runs"
        assert request["CheckpointConfig"]["S3Uri"] == f"{base}/checkpoints"
        sent = decode(request["HyperParameters"])
        assert sent["sagemaker_submit_directory"] == f"{base}/a%20b/entry"
        assert (sent["sagemaker_program"], sent["sagemaker_region"]) == ("train.py", "us-east-1")
        assert request["RoleArn"] == LOCAL_ROLE
        assert request["AlgorithmSpecification"]["TrainingImage"].startswith("683313688378.dkr.ecr.us-east-1.")

    def test_a_script_without_folder_is_its_own_source(self, tmp_path):
        request = create_training_job(config(tmp_path, entry_point=str(tmp_path / "src/train.py")), job_name="j")
        sent = decode(request["HyperParameters"])
        assert sent["sagemaker_program"] == "train.py"
        assert sent["sagemaker_submit_directory"] == (tmp_path / "src/train.py").as_uri()

    def test_without_network_a_source_folder_is_a_channel_too(self, tmp_path):
        request = create_training_job(
            config(tmp_path, source_dir=str(tmp_path), entry_point="t.py", enable_network_isolation=True),
            job_name="j",
        )
        (channel,) = request["InputDataConfig"]
        assert (channel["ChannelName"], channel["DataSource"]["S3DataSource"]["S3Uri"]) == ("code", tmp_path.as_uri())
        assert decode(request["HyperParameters"])["sagemaker_submit_directory"] == "/opt/ml/input/data/code"

    def test_what_was_uploaded_is_named_where_it_is(self, tmp_path):
        data = (tmp_path / "data").as_uri()
        request = create_training_job(
            config(tmp_path, **AWS | {"channels": {"train": str(tmp_path / "data"), "test": "s3://b/t"}}),
            job_name="j",
            locations=Locations(source="s3://b/s.tar.gz", output="s3://b", uploaded={data: "s3://b/data"}),
        )
        uris = [c["DataSource"]["S3DataSource"]["S3Uri"] for c in request["InputDataConfig"]]
        assert uris == ["s3://b/data", "s3://b/t"]

    @pytest.mark.parametrize(
        ("missing", "remedy"),
        [
            ("role", "HARNESS_ROLE"),
            ("region", "AWS_REGION"),
            ("entry_point", "--entry-point"),
        ],
    )
    def test_what_aws_needs_and_is_missing_is_named_with_the_remedy(self, tmp_path, missing, remedy):
        with pytest.raises(ConfigurationError, match=f"set {missing} in .*") as caught:
            create_training_job(config(tmp_path, **AWS | {missing: None}), job_name="j")
        assert remedy in caught.value.message

    def test_a_hyperparameter_that_cannot_be_sent_is_named(self, tmp_path):
        today = datetime.now(UTC)
        with pytest.raises(ConfigurationError, match=r"'when'.*datetime"):
            create_training_job(config(tmp_path, **AWS, hyperparameters={"when": today}), job_name="j")

    @pytest.mark.parametrize(
        ("name", "setting"),
        [
            ("sagemaker_program", "entry_point"),
            ("sagemaker_submit_directory", "source_dir"),
            ("sagemaker_container_log_level", "container_log_level"),
            ("sagemaker_job_name", "job_name"),
            ("sagemaker_region", "region"),
        ],
    )
    def test_a_hyperparameter_that_the_request_needs_for_itself_is_refused_with_its_setting(
        self, tmp_path, name, setting
    ):
        with pytest.raises(ConfigurationError, match=f"--hyperparameter: .*{name}.*set {setting} instead"):
            create_training_job(config(tmp_path, **AWS, hyperparameters={name: "x"}), job_name="j")

    def test_other_hyperparameters_of_the_toolkit_travel_as_they_are(self, tmp_path):
        request = create_training_job(
            config(tmp_path, **AWS, hyperparameters={"sagemaker_s3_output": "s3://b/o", "sagemaker_x": 1}), job_name="j"
        )
        sent = decode(request["HyperParameters"])
        assert (sent["sagemaker_s3_output"], sent["sagemaker_x"]) == ("s3://b/o", 1)

    def test_a_hyperparameter_without_a_name_is_refused(self, tmp_path):
        with pytest.raises(ConfigurationError, match="a hyperparameter has no name"):
            create_training_job(config(tmp_path, **AWS, hyperparameters={"": 1}), job_name="j")

    @given(
        st.dictionaries(
            st.text(min_size=1, max_size=5).filter(lambda name: not name.startswith("sagemaker_")),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
                max_leaves=4,
            ),
            max_size=4,
        )
    )
    def test_hyperparameters_arrive_as_they_were_configured(self, hyperparameters):
        given_ = load(
            project_dir=Path("/nonexistent"),
            flags={"entry_point": "t.py", "hyperparameters": hyperparameters},
            environ={},
        )
        sent = decode(create_training_job(given_, job_name="j")["HyperParameters"])
        assert {name: sent[name] for name in hyperparameters} == hyperparameters


class TestProcessing:
    """CreateProcessingJob."""

    SETTINGS = AWS | {
        **VPC,
        "tags": {"team": "lab"},
        "volume_kms_key": "disk-key",
        "output_kms_key": "out-key",
        "process__entry_point": "preprocess.py",
        "process__inputs": {"raw": {"source": "s3://bucket/raw", "destination": "/opt/ml/processing/input"}},
        "process__outputs": {
            "train": {"source": "/opt/ml/processing/train", "destination": "s3://bucket/data/train"},
            "test": {
                "source": "/opt/ml/processing/test",
                "destination": "s3://bucket/data/test",
                "upload_mode": "Continuous",
            },
        },
        "process__arguments": ["--test-size", "0.2"],
        "process__environment": {"OMP_NUM_THREADS": "1"},
        "process__max_run": 3600,
    }

    def test_it_is_sdk_v2s_but_for_defaults_said_aloud(self, tmp_path):
        ours = create_processing_job(
            config(tmp_path, **self.SETTINGS),
            job_name="prep-job",
            locations=Locations(source="s3://bucket/prep-job/input/code/preprocess.py"),
        )
        # SDK v2 says these although they are AWS's own defaults.
        assert differences(ours, GOLDEN["processing"]) == {
            "NetworkConfig.EnableNetworkIsolation": (None, False),
            "ProcessingInputs[raw].AppManaged": (None, False),
            "ProcessingInputs[code].AppManaged": (None, False),
            "ProcessingOutputConfig.Outputs[train].AppManaged": (None, False),
            "ProcessingOutputConfig.Outputs[test].AppManaged": (None, False),
        }

    def test_names_alone_are_enough(self, tmp_path):
        request = create_processing_job(
            config(
                tmp_path,
                process__entry_point="prep.py",
                process__source_dir=str(tmp_path / "entry"),
                process__inputs={"raw": str(tmp_path / "raw")},
                process__outputs={"train": {}, "test": str(tmp_path / "test")},
            ),
            job_name="p",
        )
        base = tmp_path.as_uri()
        assert [(i["S3Input"]["S3Uri"], i["S3Input"]["LocalPath"]) for i in request["ProcessingInputs"]] == [
            (f"{base}/raw", "/opt/ml/processing/input/raw"),
            (f"{base}/entry", "/opt/ml/processing/input/code"),
        ]
        outputs = [o["S3Output"] for o in request["ProcessingOutputConfig"]["Outputs"]]
        assert [(o["S3Uri"], o["LocalPath"]) for o in outputs] == [
            (f"{base}/runs/p/output/train", "/opt/ml/processing/output/train"),
            (f"{base}/test", "/opt/ml/processing/output/test"),
        ]

    def test_the_script_has_to_be_named_in_its_own_table(self, tmp_path):
        with pytest.raises(ConfigurationError, match=r"\[tool\.harness\.process\]"):
            create_processing_job(config(tmp_path, **AWS), job_name="p")


class TestHosting:
    """CreateModel, CreateEndpointConfig, CreateEndpoint, CreateTransformJob."""

    SETTINGS = AWS | {
        **VPC,
        "image_uri": IMAGE,
        "tags": {"team": "lab"},
        "volume_kms_key": "disk-key",
        "output_kms_key": "out-key",
        "model_server_workers": 2,
        "deploy__environment": {"OMP_NUM_THREADS": "1"},
        "transform__input": "s3://bucket/to-predict",
        "transform__output": "s3://bucket/predictions",
        "transform__strategy": "MultiRecord",
        "transform__assemble_with": "Line",
        "transform__accept": "text/csv",
        "transform__content_type": "text/csv",
        "transform__compression": "Gzip",
        "transform__split_type": "Line",
        "transform__environment": {"OMP_NUM_THREADS": "2"},
        "transform__max_concurrent_transforms": 4,
        "transform__max_payload": 6,
        "transform__input_filter": "$[1:]",
        "transform__output_filter": "$[-1]",
        "transform__join_source": "Input",
        "transform__invocations_timeout": 60,
        "transform__invocations_max_retries": 1,
    }
    MODEL_DATA = "s3://bucket/out/iris/output/model.tar.gz"

    def test_the_model_is_sdk_v2s(self, tmp_path):
        ours = create_model(
            config(tmp_path, **self.SETTINGS),
            model_name="iris-model",
            model_data=self.MODEL_DATA,
            locations=Locations(source="s3://bucket/iris-model/sourcedir.tar.gz"),
        )
        assert differences(ours, GOLDEN["hosting"]["create_model"]) == {}

    def test_the_endpoint_config_is_sdk_v2s(self, tmp_path):
        ours = create_endpoint_config(
            config(tmp_path, **self.SETTINGS), endpoint_config_name="iris-endpoint", model_name="iris-model"
        )
        assert differences(ours, GOLDEN["hosting"]["create_endpoint_config"]) == {}

    def test_the_endpoint_is_sdk_v2s(self, tmp_path):
        ours = create_endpoint(
            config(tmp_path, **self.SETTINGS), endpoint_name="iris-endpoint", endpoint_config_name="iris-endpoint"
        )
        assert differences(ours, GOLDEN["hosting"]["create_endpoint"]) == {}

    def test_the_transform_job_is_sdk_v2s(self, tmp_path):
        ours = create_transform_job(
            config(tmp_path, **self.SETTINGS), job_name="iris-transform", model_name="iris-model"
        )
        assert differences(ours, GOLDEN["hosting"]["create_transform_job"]) == {}

    def test_a_payload_of_zero_is_said(self, tmp_path):
        here = config(tmp_path, **self.SETTINGS | {"transform__max_payload": 0})
        assert create_transform_job(here, job_name="t", model_name="m")["MaxPayloadInMB"] == 0

    def test_without_output_predictions_go_to_the_jobs_own(self, tmp_path):
        here = config(tmp_path, transform__input=str(tmp_path / "in"))
        request = create_transform_job(here, job_name="t", model_name="m")
        assert request["TransformOutput"] == {"S3OutputPath": f"{tmp_path.as_uri()}/runs/t/output"}

    def test_without_input_there_is_nothing_to_predict(self, tmp_path):
        with pytest.raises(ConfigurationError, match="--input"):
            create_transform_job(config(tmp_path), job_name="t", model_name="m")

    def test_a_serving_script_of_its_own_is_used(self, tmp_path):
        here = config(
            tmp_path,
            source_dir=str(tmp_path / "entry"),
            entry_point="train.py",
            deploy__entry_point="serve.py",
            deploy__source_dir=str(tmp_path / "serving"),
            model_server_timeout=30,
        )
        container = create_model(here, model_name="m", model_data="file:///m.tar.gz")["PrimaryContainer"]
        assert container["Environment"] == {
            "SAGEMAKER_PROGRAM": "serve.py",
            "SAGEMAKER_SUBMIT_DIRECTORY": (tmp_path / "serving").as_uri(),
            "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
            "SAGEMAKER_REGION": "us-east-1",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "30",
        }

    def test_without_network_the_source_is_in_the_model(self, tmp_path):
        here = config(tmp_path, **self.SETTINGS, enable_network_isolation=True)
        request = create_model(here, model_name="m", model_data=self.MODEL_DATA)
        assert request["EnableNetworkIsolation"] is True
        environment = request["PrimaryContainer"]["Environment"]
        assert environment["SAGEMAKER_SUBMIT_DIRECTORY"] == "/opt/ml/model/code"


class TestNames:
    """default_job_name."""

    @pytest.mark.parametrize("row", GOLDEN["names"], ids=lambda row: row["name"])
    def test_a_name_is_sdk_v2s_with_its_milliseconds_filled_up(self, row):
        # SDK v2 drops the zeros at the end of the milliseconds (0.05 s is «05»), so that its names do not sort by
        # time; then it cuts the base later by as many characters.
        ours = default_job_name(row["base"], datetime.fromtimestamp(row["time"], UTC))
        zeros = 3 - len(row["name"].rpartition("-")[2])
        stamp = row["name"].split("-20", 1)[1] + "0" * zeros
        assert ours.endswith("-20" + stamp)
        assert ours.removesuffix("-20" + stamp) == row["base"][:39]

    def test_a_zone_makes_no_difference(self):
        moment = datetime(2026, 11, 23, 17, 34, 46, 123_999, UTC)
        elsewhere = moment.astimezone(timezone(timedelta(hours=5)))
        assert default_job_name("iris", moment) == default_job_name("iris", elsewhere) == "iris-2026-11-23-17-34-46-123"

    def test_without_base_it_is_named_after_awss_image_as_in_sdk_v2(self):
        assert default_job_name(None, datetime(2026, 1, 1, tzinfo=UTC)) == (
            "sagemaker-scikit-learn-2026-01-01-00-00-00-000"
        )

    @given(st.text(max_size=80), st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC)))
    def test_a_name_is_never_too_long(self, base, moment):
        assert len(default_job_name(base, moment)) <= 63
        assert len(default_job_name(base, moment, "0123")) <= 63

    def test_a_tail_tells_two_names_of_one_millisecond_apart(self):
        moment = datetime(2026, 11, 23, 17, 34, 46, 123_000, UTC)
        assert default_job_name("iris", moment, "a1b2") == "iris-2026-11-23-17-34-46-123-a1b2"
