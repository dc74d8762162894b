"""What ``remote`` stands for: AWS costs money, so it has to be asked for by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from harness.parity import remote
from harness.parity.remote import Remote
from tests.parity.conftest import make_job

STAND_IN = "the stand-in"


@pytest.fixture
def answering(tmp_path, monkeypatch):
    """Who answers for ``remote``: ``answering(asked=True)``; the stand-in is not started but named."""
    configure = make_job(tmp_path)

    @contextmanager
    def standing_in(*given: Any) -> Iterator[Remote]:
        yield Remote(configure("local"), STAND_IN, "local")

    monkeypatch.setattr(remote, "_standing_in", standing_in)

    def call(*, asked: bool) -> Remote:
        with remote.opened(configure, asked=asked) as found:
            return found

    return call


class TestWithCredentials:
    @pytest.fixture(autouse=True)
    def _credentials_alone(self, monkeypatch):
        monkeypatch.delenv("AWS_ENDPOINT_URL")

    def test_it_is_aws_if_it_was_asked_for(self, answering):
        assert (answering(asked=True).note, answering(asked=True).ran_by) == ("AWS itself", "remote")

    def test_it_is_a_stand_in_if_it_was_not(self, answering):
        assert answering(asked=False).note == STAND_IN


def test_without_credentials_it_is_a_stand_in_even_if_it_was_asked_for(answering, monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    assert answering(asked=True).note == STAND_IN


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "not asked for"])
def test_it_is_whoever_the_environment_names_and_no_password_is_told(answering, monkeypatch, asked):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:hunter2@127.0.0.1:9")

    assert answering(asked=asked).note == "http://127.0.0.1:9 is asked, not AWS"
