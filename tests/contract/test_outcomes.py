"""How a job ends: exit codes, failure texts, FailureReason."""

from __future__ import annotations

import pytest

from harness.contract.environment import Dialect
from harness.contract.outcomes import StepError, failure_reason, outcome, step_failure, toolkit_outcome

COMMAND = ("/usr/local/bin/python3.12", "train.py", "--a", "1")


@pytest.mark.parametrize("return_code", [1, 3, 255, -9, -15])
def test_under_the_toolkit_every_failure_is_exit_code_1_and_names_the_scripts(return_code: int) -> None:
    end = toolkit_outcome(return_code, COMMAND, own_failure=None)

    assert (end.exit_code, end.success_file, end.completed) == (1, False, False)
    assert end.failure is not None
    assert end.failure.split("\n") == [
        "ExecuteUserScriptError:",
        f"ExitCode {return_code}",
        'ErrorMessage ""',
        'Command "/usr/local/bin/python3.12 train.py --a 1"',
    ]


def test_the_hint_at_memory_needs_a_literal_137() -> None:
    assert "OutOfMemory" in step_failure(StepError.SCRIPT, 137, COMMAND)
    assert "OutOfMemory" not in step_failure(StepError.SCRIPT, -9, COMMAND)


@pytest.mark.parametrize("dialect", list(Dialect))
def test_a_failure_text_of_the_scripts_own_is_kept(dialect: Dialect) -> None:
    assert outcome(dialect, 3, COMMAND, own_failure="mine").failure == "mine"


@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_exit_code_decides_even_beside_a_failure_text(dialect: Dialect) -> None:
    assert outcome(dialect, 0, COMMAND, own_failure="mine").completed


@pytest.mark.parametrize(("return_code", "exit_code"), [(0, 0), (3, 3), (-9, 247), (-15, 241)])
def test_the_drivers_hand_the_exit_code_on(return_code: int, exit_code: int) -> None:
    assert outcome(Dialect.V3, return_code, COMMAND).exit_code == exit_code


@pytest.mark.parametrize(
    "failure", ["é" * 5000, ("é" * 5000).encode(), b"\xff" * 5000], ids=["text", "UTF-8", "binary"]
)
def test_a_reason_has_1024_characters_whatever_their_bytes(failure: str | bytes) -> None:
    reason = failure_reason(failure)

    assert reason.startswith("AlgorithmError: ")
    assert len(reason) == 1024
