"""Entry points: their kind, what is installed first, and the command, by version of the toolkit."""

from __future__ import annotations

import pytest

from harness.contract.entry import check_name, command, entry_kind, install_command
from harness.contract.environment import ContractError, EntryKind

PYTHON = "/usr/local/bin/python3.12"


@pytest.mark.parametrize(
    ("name", "has_setup_py", "kind"),
    [
        ("train.py", False, EntryKind.SCRIPT),
        ("train.py", True, EntryKind.PACKAGE),
        ("train.sh", True, EntryKind.SHELL),
        ("train", False, EntryKind.SHELL),
        ("train", True, EntryKind.PACKAGE),
    ],
)
def test_the_kind_follows_from_suffix_and_setup_py(name: str, has_setup_py: bool, kind: EntryKind) -> None:
    assert entry_kind(name, has_setup_py) is kind


@pytest.mark.parametrize(
    ("kind", "has_requirements", "installed"),
    [
        (EntryKind.SHELL, True, None),
        (EntryKind.SCRIPT, False, None),
        (EntryKind.SCRIPT, True, "-r requirements.txt"),
        (EntryKind.PACKAGE, False, "."),
        (EntryKind.PACKAGE, True, ". -r requirements.txt"),
    ],
)
def test_what_pip_is_asked_for(kind: EntryKind, has_requirements: bool, installed: str | None) -> None:
    run = install_command(kind, has_requirements=has_requirements, python=PYTHON)

    assert run == (installed and (PYTHON, "-m", "pip", "install", *installed.split()))


@pytest.mark.parametrize(
    ("version", "name", "kind", "tail"),
    [
        ("4.8.0", "train.py", EntryKind.SCRIPT, ("train.py",)),
        ("5.1.4", "train.py", EntryKind.SCRIPT, ("--", "train.py")),
        ("4.8.0", "a.py.py", EntryKind.PACKAGE, ("-m", "a")),
        ("5.1.4", "a.py.py", EntryKind.PACKAGE, ("-m", "a.py")),
    ],
)
def test_the_command_differs_by_version(version: str, name: str, kind: EntryKind, tail: tuple[str, ...]) -> None:
    assert command(name, kind, [], python=PYTHON, toolkit_version=version) == (PYTHON, *tail)


@pytest.mark.parametrize(("version", "last"), [("4.0.1", '"a b"'), ("4.8.0", "a b"), ("5.1.4", '"a b"')])
def test_only_one_version_takes_quotes_off_the_last_argument(version: str, last: str) -> None:
    run = command("t.py", EntryKind.SCRIPT, ["--x", '"a b"'], python=PYTHON, toolkit_version=version)

    assert run[-1] == last


def test_arguments_of_a_shell_entry_are_quoted() -> None:
    run = command("t.sh", EntryKind.SHELL, ["--x", "$HOME *"], python=PYTHON, toolkit_version="4.8.0")

    assert run == ("/bin/sh", "-c", "./t.sh --x '$HOME *'")


@pytest.mark.parametrize("name", [None, "", "-x.py", "/opt/ml/code/t.py", "./t.py", "a/../t.py", "my t.py"])
def test_toolkit_5_refuses_what_is_no_plain_relative_path(name: str | None) -> None:
    with pytest.raises(ContractError, match="training entry point") as caught:
        check_name(name)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("name", ["t.py", "src/t.py", "my-t.v2.py", ".hidden.py"])
def test_toolkit_5_takes_a_plain_relative_path(name: str) -> None:
    check_name(name)
