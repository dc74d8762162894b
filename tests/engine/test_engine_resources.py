"""Models and endpoint configurations: which of them outlive whoever has made them."""

from __future__ import annotations

import os

import pytest

from harness.engine.resources import Resources
from harness.errors import ConfigurationError


@pytest.fixture
def models(tmp_path):
    """Opens the same models, as another process would."""
    return lambda *, for_command: Resources(tmp_path, "Model", "model", "arn:", for_command)


def test_what_a_command_has_made_is_forgotten_when_it_has_ended_and_nobody_uses_it(models):
    command, other = models(for_command=True), models(for_command=False)
    for name in ("used", "unused"):
        command.create({"ModelName": name})
    assert other.sweep({"used"}) == []
    command.close()  # as its end would
    assert other.sweep({"used"}) == ["unused"]
    assert other.names() == ["used"]


def test_what_was_asked_for_by_itself_stays(models):
    models(for_command=False).create({"ModelName": "asked-for"})
    command = models(for_command=True)
    assert command.sweep(()) == []
    assert command.names() == ["asked-for"]


def test_what_is_deleted_leaves_nothing(models, tmp_path):
    command = models(for_command=True)
    for _ in range(2):  # the name is free again
        command.create({"ModelName": "m"})
        command.delete("m")
    assert os.listdir(tmp_path) == []


def test_a_command_that_makes_anew_what_another_has_left_keeps_it(models):
    left, anew = models(for_command=True), models(for_command=True)
    left.create({"ModelName": "m"})
    left.close()
    anew.delete("m")
    anew.create({"ModelName": "m"})
    assert models(for_command=False).sweep(()) == []


def test_a_folder_that_cannot_be_made_is_refused_by_its_name(tmp_path):
    (tmp_path / "file").touch()
    models = Resources(tmp_path / "file" / "_models", "Model", "model", "arn:")
    with pytest.raises(ConfigurationError, match=r"file/_models cannot be written: Not a directory. Set runs_dir"):
        models.create({"ModelName": "m"})
