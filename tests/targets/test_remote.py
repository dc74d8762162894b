"""Following a job on AWS: every line once, through throttling and lost connections, to the very last one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from harness.errors import ConfigurationError, HarnessError, MissingCapability, ModelError, ServiceError
from harness.storage import Storage
from harness.storage.aws_errors import Unreachable, translated
from harness.targets import Output, Status
from harness.targets.cloudwatch import host_of, log_group
from harness.targets.remote import Pace, RemoteTarget

START = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)


def refusal(code: str, operation: str = "DescribeTrainingJob", message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


class Cloud:
    """A scripted AWS: each wait is a tick, and what is there depends on the tick. Plays ``boto3.Session``."""

    def __init__(self) -> None:
        self.tick = 0
        self.waited: list[float] = []
        self.ends_at = 3
        self.status = "Completed"
        self.lines: dict[str, list[tuple[int, str]]] = {}
        """Stream -> its lines and from which tick on they can be read."""
        self.errors: dict[int, list[Exception]] = {}
        """Tick -> what the next requests answer instead."""
        self.page = 2
        self.described: dict[str, Any] = {}
        self.meta = SimpleNamespace(endpoint_url="https://api.sagemaker.us-east-1.amazonaws.com")

    def client(self, service: str, **_: Any) -> Cloud:
        return self

    def wait(self, seconds: float) -> None:
        self.tick += 1
        self.waited.append(seconds)

    def _answer(self) -> None:
        if self.errors.get(self.tick):
            raise self.errors[self.tick].pop(0)

    def describe_training_job(self, TrainingJobName: str) -> dict:
        self._answer()
        ended = self.tick >= self.ends_at
        transitions = [("Starting", "Preparing"), ("Training", "In progress"), (self.status, "Done")]
        count = 1 if self.tick == 0 else 3 if ended else 2
        return {
            "TrainingJobName": TrainingJobName,
            "TrainingJobStatus": self.status if ended else "InProgress",
            "CreationTime": START,
            "LastModifiedTime": START,
            **({"TrainingEndTime": START} if ended else {}),
            "SecondaryStatusTransitions": [
                {"Status": name, "StartTime": START, "StatusMessage": message} for name, message in transitions[:count]
            ],
            "ResponseMetadata": {"HTTPStatusCode": 200},
            **self.described,
        }

    def describe_log_streams(self, logGroupName: str, logStreamNamePrefix: str, nextToken: str = "0") -> dict:
        self._answer()
        assert logGroupName == "/aws/sagemaker/TrainingJobs"
        there = [name for name, lines in self.lines.items() if any(tick <= self.tick for tick, _ in lines)]
        if not there:
            raise refusal("ResourceNotFoundException", "DescribeLogStreams")
        found = [name for name in there if name.startswith(logStreamNamePrefix)]
        index = int(nextToken)
        more = {"nextToken": str(index + 1)} if index + 1 < len(found) else {}
        return {"logStreams": [{"logStreamName": name} for name in found[index : index + 1]], **more}

    def get_log_events(
        self, logGroupName: str, logStreamName: str, startFromHead: bool, nextToken: str = "f/0"
    ) -> dict:
        self._answer()
        assert startFromHead
        first = int(nextToken.removeprefix("f/"))
        there = [line for tick, line in self.lines[logStreamName] if tick <= self.tick]
        page = there[first : first + self.page]
        return {"events": [{"message": line} for line in page], "nextForwardToken": f"f/{first + len(page)}"}


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def followed(cloud: Cloud, tmp_path) -> Callable[[], tuple[str, list[str]]]:
    """Follow job ``j`` to its end: what it printed, and the statuses."""

    def follow() -> tuple[str, list[str]]:
        target = RemoteTarget(
            cloud,
            tmp_path / "runs",
            Storage(tmp_path / "cache"),
            pace=Pace(give_up=20),
            wait=cloud.wait,
            now=lambda: START + timedelta(seconds=cloud.tick),
        )
        out, statuses = b"", []
        for event in target.follow("TrainingJob", "j"):
            match event:
                case Output(data):
                    out += data
                case Status(name):
                    statuses.append(name)
        return out.decode(), statuses

    return follow


@pytest.mark.parametrize(
    ("endpoint", "pace"),
    [
        ("http://127.0.0.1:5000", (0.05, 0.0)),
        ("http://localhost:5000/", (0.05, 0.0)),
        ("http://[::1]:5000", (0.05, 0.0)),
        ("https://api.sagemaker.us-east-1.amazonaws.com", (0.25, 1.0)),
        ("https://localhost:8443", (0.25, 1.0)),  # a tunnel to AWS
        ("http://moto.internal:5000", (0.25, 1.0)),
    ],
)
def test_only_a_stand_in_on_the_loopback_is_asked_often_and_has_no_late_lines(endpoint, pace, cloud, tmp_path):
    cloud.meta = SimpleNamespace(endpoint_url=endpoint)
    target = RemoteTarget(cloud, tmp_path / "runs", Storage(tmp_path / "cache"))
    assert (target._pace.first, target._pace.settle) == pace


class TestFollowing:
    def test_tells_every_status_once(self, followed):
        assert followed() == ("", ["Starting", "Training", "Completed"])

    def test_carries_every_line_of_every_host_once_in_its_order(self, cloud, followed):
        cloud.lines = {
            "j/algo-1-170": [(1, "a"), (1, "b"), (1, "c"), (2, "d")],
            "j/algo-2-171": [(2, "x"), (3, "y")],
            "j-2/algo-1-170": [(0, "of another job")],
        }
        out, _ = followed()
        assert [line for line in out.splitlines() if "algo-1" in line] == [f"algo-1 | {each}" for each in "abcd"]
        assert [line for line in out.splitlines() if "algo-2" in line] == ["algo-2 | x", "algo-2 | y"]
        assert "another job" not in out

    def test_takes_lines_that_arrive_after_the_end(self, cloud, followed):
        cloud.lines = {"j/algo-1-1": [(1, "early"), (4, "late"), (5, "later")], "j/algo-2-1": [(5, "a late host")]}
        out, _ = followed()
        assert out.splitlines() == ["algo-1 | early", "algo-1 | late", "algo-1 | later", "algo-2 | a late host"]

    def test_leaves_the_log_and_the_description_in_the_run_folder(self, cloud, followed, tmp_path):
        cloud.lines = {"j/algo-1-1": [(1, "a"), (4, "b")]}
        out, _ = followed()
        assert (tmp_path / "runs/j/log.txt").read_text() == out
        assert (tmp_path / "runs/j/describe.json").is_file()

    def test_writes_events_of_several_lines_as_lines(self, cloud, followed):
        cloud.lines = {"j/algo-1-1": [(1, "a\nb\rc"), (1, "")]}
        assert followed()[0] == "algo-1 | a\nalgo-1 | b\nalgo-1 | c\nalgo-1 | \n"

    def test_asks_less_often_while_nothing_happens_and_more_often_when_something_does(self, cloud, followed):
        cloud.ends_at = 12
        cloud.lines = {"j/algo-1-1": [(10, "news")]}
        followed()
        assert cloud.waited[0] < cloud.waited[5] <= cloud.waited[9] == 2.0
        assert cloud.waited[10] == 0.25

    @pytest.mark.parametrize(
        "error",
        [
            refusal("ThrottlingException"),
            refusal("RequestLimitExceeded"),
            EndpointConnectionError(endpoint_url="https://api.sagemaker"),
        ],
        ids=["throttled", "limited", "connection lost"],
    )
    def test_goes_on_after_a_while_without_answers(self, cloud, followed, error):
        cloud.lines = {"j/algo-1-1": [(0, "a"), (1, "b"), (2, "c")]}
        cloud.errors = {1: [error], 2: [error]}
        out, statuses = followed()
        assert out.splitlines() == ["algo-1 | a", "algo-1 | b", "algo-1 | c"]
        assert statuses.count("Waiting") == 2

    def test_gives_up_when_nobody_answers_for_long_and_says_how_to_go_on(self, cloud, followed):
        cloud.errors = {tick: [EndpointConnectionError(endpoint_url="x")] for tick in range(1, 99)}
        with pytest.raises(
            MissingCapability, match=r"harness runs follow j --on remote.*harness runs stop j --on remote"
        ):
            followed()

    def test_of_a_job_that_there_is_not_is_aws_s_refusal(self, cloud, followed):
        cloud.errors = {0: [refusal("ValidationException", message="Requested resource not found.")]}
        with pytest.raises(ServiceError, match="Requested resource not found"):
            followed()

    def test_of_an_old_job_does_not_wait(self, cloud, tmp_path):
        cloud.ends_at = 0
        later = START + timedelta(days=1)
        target = RemoteTarget(cloud, tmp_path, Storage(tmp_path), wait=cloud.wait, now=lambda: later)
        list(target.follow("TrainingJob", "j"))
        assert cloud.waited == []


class TestNames:
    @pytest.mark.parametrize(
        ("kind", "group"),
        [
            ("TrainingJob", "/aws/sagemaker/TrainingJobs"),
            ("ProcessingJob", "/aws/sagemaker/ProcessingJobs"),
            ("TransformJob", "/aws/sagemaker/TransformJobs"),
            ("Endpoint", "/aws/sagemaker/Endpoints/n"),
        ],
    )
    def test_of_log_groups_are_aws_s(self, kind, group):
        assert log_group(kind, "n") == group

    @pytest.mark.parametrize(
        ("stream", "host"),
        [("j/algo-12-1700000000", "algo-12"), ("AllTraffic/i-0abc", "i-0abc"), ("j/i-0abc-12", "i-0abc-12")],
    )
    def test_of_hosts_come_out_of_their_streams(self, stream, host):
        assert host_of(stream) == host


class TestErrors:
    @pytest.mark.parametrize(
        ("raised", "error", "says"),
        [
            (NoCredentialsError(), MissingCapability, "aws configure"),
            (refusal("ExpiredTokenException"), MissingCapability, "have expired"),
            (refusal("UnrecognizedClientException"), MissingCapability, "does not accept your credentials"),
            (EndpointConnectionError(endpoint_url="u"), Unreachable, "cannot be reached"),
            (refusal("AccessDeniedException"), ServiceError, "docs/aws.md"),
            (refusal("AccessDenied", "ListObjectsV2"), ServiceError, "docs/aws.md"),
            (refusal("ExpiredToken", "PutObject"), MissingCapability, "have expired"),
            (refusal("ThrottlingException"), ServiceError, "throttling"),
            (refusal("ResourceInUse"), ServiceError, "another name"),
            (
                refusal("ValidationException", message="Could not assume role arn:aws:iam::1:role/r."),
                ServiceError,
                "sagemaker.amazonaws.com",
            ),
            (refusal("ResourceLimitExceeded"), ServiceError, "quota"),
        ],
    )
    def test_of_botocore_come_out_as_ours_with_a_remedy(self, raised, error, says):
        with pytest.raises(error, match=says), translated():
            raise raised

    def test_of_aws_keep_their_code_and_message(self):
        with pytest.raises(ServiceError) as caught, translated():
            raise refusal("ValidationException", message="1 validation error detected")
        assert caught.value.response["Error"] == {
            "Code": "ValidationException",
            "Message": "1 validation error detected",
        }

    def test_of_aws_keep_what_an_operation_adds_to_them(self):
        error = refusal("ModelError", "InvokeEndpoint")
        error.response["OriginalStatusCode"] = 500
        with pytest.raises(ServiceError) as caught, translated():
            raise error
        assert caught.value.response["OriginalStatusCode"] == 500

    def test_of_a_model_are_its_failure_and_told_without_markup(self):
        said = 'Received server error (500) from primary with message "<!doctype html>\n<p>Internal\nError</p>".'
        with pytest.raises(ModelError) as caught, translated():
            raise refusal("ModelError", "InvokeEndpoint", message=said)
        assert caught.value.exit_code == 1
        assert caught.value.response["Error"]["Message"] == said
        assert 'with message " Internal Error ". (ModelError)' in caught.value.message

    def test_of_other_kinds_pass_through(self):
        with pytest.raises(KeyError), translated():
            raise KeyError

    def test_are_all_the_user_s_to_act_on(self):
        assert issubclass(ServiceError, ConfigurationError)
        assert issubclass(Unreachable, HarnessError)
