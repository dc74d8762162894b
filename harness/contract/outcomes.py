"""How a job ended: the failure file, the container's exit code, and ``FailureReason``.

Sources: sagemaker-training 4.0.1, 4.8.0 and 5.1.4 and the SDK v3 drivers (sagemaker-train 1.27.0), run; the
AWS developer guide for what becomes of the failure file.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from harness.contract.terms import ContractError, Dialect

FAILURE_REASON_LIMIT = 1024
"""Characters of ``FailureReason``, prefix included (AWS's API model)."""
OUT_OF_MEMORY_REASON = (
    "ClientError: Please use an instance type with more memory, or reduce the size of job data processed on an "
    "instance."
)
"""``FailureReason`` of a training or processing job on AWS whose instance ran out of memory, as published."""
_OUT_OF_MEMORY = 137


class StepError(StrEnum):
    """The toolkit's name for the step that failed: the first line of the failure file."""

    SCRIPT = "ExecuteUserScriptError"
    REQUIREMENTS = "InstallRequirementsError"
    MODULE = "InstallModuleError"


class Outcome(NamedTuple):
    """What the container leaves behind."""

    exit_code: int
    failure: str | None
    """Text of ``/opt/ml/output/failure``; None where there is none."""
    success_file: bool
    """Whether an empty ``/opt/ml/output/success`` is written."""

    @property
    def completed(self) -> bool:
        """AWS decides by the exit code alone: a failure file beside exit code 0 is ignored."""
        return self.exit_code == 0


def step_failure(step: StepError, return_code: int, command: Sequence[str]) -> str:
    """The toolkit's text for a child that ended badly. ``return_code`` is -n for signal n.

    ``ErrorMessage`` is empty: the images do not capture the script's stderr.
    """
    hint = 'ExtraInfo "OutOfMemory: Process killed by SIGKILL (signal 9)"\n' if return_code == _OUT_OF_MEMORY else ""
    return f'{step}:\nExitCode {return_code}\nErrorMessage ""\n{hint}Command "{" ".join(command)}"'


def client_failure(message: str) -> str:
    """The toolkit's text for an error that it holds to be the user's: the message alone."""
    return message


def framework_failure(message: str, kind: str = "ValueError") -> str:
    """The toolkit's text for every other error before the script: a heading, a traceback, the message again."""
    return f"Framework Error: \nTraceback (most recent call last):\n{kind}: {message}\n\n{message}"


def framework_error(message: str, kind: str = "ValueError", exit_code: int = 1) -> ContractError:
    """What to raise where the toolkit fails by an exception of its own; ``exit_code`` is its errno, else 1."""
    return ContractError(message, failure=framework_failure(message, kind), exit_code=exit_code)


def toolkit_outcome(
    return_code: int, command: Sequence[str], *, own_failure: str | None, step: StepError = StepError.SCRIPT
) -> Outcome:
    """Dialect T. A failure file of the script's own is kept; every failure is exit code 1."""
    if return_code == 0:
        return Outcome(exit_code=0, failure=own_failure, success_file=True)
    failure = own_failure if own_failure is not None else step_failure(step, return_code, command)
    return Outcome(exit_code=1, failure=failure, success_file=False)


def driver_outcome(return_code: int, command: Sequence[str], *, own_failure: str | None) -> Outcome:
    """Dialect D. The script's exit code is the container's; a signal n becomes 256 - n. No success file."""
    if return_code == 0:
        return Outcome(exit_code=0, failure=own_failure, success_file=False)
    failure = own_failure if own_failure is not None else _driver_failure(return_code, command)
    return Outcome(exit_code=return_code % 256, failure=failure, success_file=False)


def outcome(dialect: Dialect, return_code: int, command: Sequence[str], *, own_failure: str | None = None) -> Outcome:
    """What the container leaves when the script has ended; ``own_failure``: the text the script itself wrote."""
    if dialect is Dialect.V3:
        return driver_outcome(return_code, command, own_failure=own_failure)
    return toolkit_outcome(return_code, command, own_failure=own_failure)


def _driver_failure(return_code: int, command: Sequence[str]) -> str:
    import signal

    end = (
        f"died with {signal.Signals(-return_code)!r}."
        if return_code < 0
        else f"returned non-zero exit status {return_code}."
    )
    return (
        "Traceback (most recent call last):\n"
        '  File "/opt/ml/input/data/sm_drivers/common/utils.py", line 193, in execute_commands\n'
        "    raise subprocess.CalledProcessError(exitcode, commands)\n"
        f"subprocess.CalledProcessError: Command '{list(command)}' {end}\n"
    )


def generic_driver_failure(job_name: str) -> str:
    """Dialect D's text when something before the script fails."""
    return (
        "Training Execution failed. For more details, see CloudWatch logs at 'aws/sagemaker/TrainingJobs'.\n"
        f"TrainingJob - {job_name}\n"
    )


def failure_reason(failure: str | bytes | None) -> str:
    """``FailureReason`` from the failure file: its beginning behind ``AlgorithmError: ``.

    Cut to 1024 *characters* (not bytes), prefix included; bytes that are not UTF-8 become U+FFFD.
    """
    text = failure.decode("utf-8", "replace") if isinstance(failure, bytes) else failure or ""
    return f"AlgorithmError: {text}"[:FAILURE_REASON_LIMIT]
