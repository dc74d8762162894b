"""AWS's own image: the login at ECR (moto's), and what the engine is asked for."""

import docker.errors
import pytest
from moto import mock_aws

from harness.errors import MissingCapability
from harness.images.engine import ImageError
from harness.images.pull import login, pull

URI = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn"


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws():
        yield


class Engine:
    """What is asked of the engine, and what it is to answer."""

    def __init__(self, *answers) -> None:
        self.answers, self.asked = answers, []
        self.api = self

    def pull(self, repository, tag, **options):
        self.asked.append((repository, tag, options["auth_config"], options["platform"]))
        for answer in self.answers:
            if isinstance(answer, Exception):
                raise answer
            yield answer


def test_a_login_is_ecrs(aws):
    assert login("eu-west-1").username == "AWS"
    assert login("eu-west-1").password.endswith("-auth-token")


def test_the_engine_is_asked_for_the_image_of_region_and_version_with_that_login(aws):
    engine, lines = Engine({"id": "ab12", "status": "Downloading", "progress": "[=> ]"}, {"status": "Done"}), []
    assert pull(engine, "1.9-0", region="eu-west-1", progress=lines.append) == f"{URI}:1.9-0-cpu-py3"
    assert engine.asked == [(URI, "1.9-0-cpu-py3", login("eu-west-1")._asdict(), "linux/amd64")]
    assert lines == ["ab12 Downloading [=> ]", "Done"]


@pytest.mark.parametrize("answer", [{"error": "denied"}, docker.errors.APIError("denied")], ids=["line", "exception"])
def test_what_the_registry_refuses_comes_with_the_way_around_it(aws, answer):
    with pytest.raises(ImageError, match=r"1\.9-0-cpu-py3 cannot be pulled: .*denied.*`harness image build`"):
        pull(Engine(answer), "1.9-0", region="eu-west-1")


def test_without_credentials_the_way_around_is_named(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(MissingCapability, match=r"gives no login: .*`harness image build` needs none"):
        pull(Engine(), "1.9-0", region="eu-west-1")
