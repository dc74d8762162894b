"""Folders that go to S3 while a job writes to them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from harness.engine.syncing import Syncing
from harness.errors import HarnessError


def test_copies_again_and_again_until_it_is_over_and_then_once_more():
    copied: list[tuple[Path, str]] = []
    twice = threading.Event()

    def copy(folder: Path, uri: str) -> None:
        copied.append((folder, uri))
        if len(copied) == 2:
            twice.set()

    syncing = Syncing({Path("/c"): "s3://b/c"}, copy, every=0.001)
    syncing.start()
    assert twice.wait(60)
    before = len(copied)
    syncing.finish()
    assert len(copied) > before
    assert set(copied) == {(Path("/c"), "s3://b/c")}


def test_goes_on_after_a_copy_that_failed_on_the_way():
    answers = iter([HarnessError("half written")])
    well = threading.Event()

    def copy(folder: Path, uri: str) -> None:
        for error in answers:
            raise error
        well.set()

    syncing = Syncing({Path("/c"): "s3://b/c"}, copy, every=0.001)
    syncing.start()
    assert well.wait(60)
    syncing.finish()


def test_tells_when_the_last_copy_failed():
    def copy(folder: Path, uri: str) -> None:
        raise HarnessError("no bucket")

    syncing = Syncing({Path("/c"): "s3://b/c"}, copy)
    with pytest.raises(HarnessError, match="no bucket"):
        syncing.finish()


def test_of_nothing_starts_no_thread():
    syncing = Syncing({}, lambda folder, uri: pytest.fail("there is nothing to copy"))
    before = threading.active_count()
    syncing.start()
    assert threading.active_count() == before
    syncing.finish()


def test_has_nothing_to_say_to_the_loop_and_outlives_a_stop():
    syncing = Syncing({}, lambda folder, uri: None)
    assert syncing.receive() is False
    syncing.cancel()
    syncing.finish()
