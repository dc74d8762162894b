"""The contract against what AWS's real toolkits did: every variable, argument, folder and failure text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from harness.contract import entry, outcomes
from harness.contract.environment import (
    Contract,
    ContractError,
    Dialect,
    EntryKind,
    JobConfig,
    Machine,
    script_contract,
)

RECORDS = Path(__file__).parent / "records"
TOOLKITS = ("4.0.1", "4.8.0", "5.1.4", "v3-1.27.0")
#: What a shell on the way to the script leaves behind; SageMaker has no part in it.
SHELL_TRACES = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
#: Lines of a failure file that are held against the record: what follows is a traceback or names an interpreter.
COMPARED_LINES = 2


@cache
def records(toolkit: str) -> tuple[Machine, dict[str, Mapping[str, Any]]]:
    lines = (RECORDS / f"{toolkit}.jsonl").read_text().splitlines()
    head, usual, *cases = map(json.loads, lines)
    machine = {**head["machine"], "pythonpath": tuple(head["machine"]["pythonpath"])}
    return Machine(**machine), {case["name"]: case for case in (usual, *(whole(case, usual) for case in cases))}


def whole(case: Mapping[str, Any], usual: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record holds what differs from the first one; what the script saw is made whole again here."""
    seen = case["seen"]
    if not seen:
        return {**usual, **case}
    kept = {name: value for name, value in usual["seen"]["environment"].items() if name not in seen["absent"]}
    return {**usual, **case, "seen": {**seen, "environment": {**kept, **seen["environment"]}}}


CASES = list(dict.fromkeys(name for toolkit in TOOLKITS for name in records(toolkit)[1]))


def recorded(name: str) -> Iterator[tuple[str, Mapping[str, Any], Machine]]:
    """What each toolkit that was asked did in a case."""
    for toolkit in TOOLKITS:
        machine, cases = records(toolkit)
        if name in cases:
            yield toolkit, cases[name], machine


def contract_of(toolkit: str, case: Mapping[str, Any], machine: Machine) -> Contract:
    missing = case.get("missing", ())
    config = JobConfig(
        None if "hyperparameters.json" in missing else case["hyperparameters"],
        None if "inputdataconfig.json" in missing else case["input_data_config"],
        None if "resourceconfig.json" in missing else case["resource_config"],
    )
    if toolkit.startswith("v3"):
        return script_contract(
            config,
            environment=case["environment"],
            machine=machine,
            dialect=Dialect.V3,
            entry_script=case["entry_script"],
        )
    return script_contract(
        config,
        environment=case["environment"],
        machine=machine,
        toolkit_version=toolkit,
        has_setup_py="setup.py" in case["code"],
    )


def without_shell_traces(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in SHELL_TRACES}


def assert_never_started(case: Mapping[str, Any]) -> None:
    assert case["seen"] is None, "the real toolkit starts this script"


def expected_end(toolkit: str, case: Mapping[str, Any], machine: Machine) -> outcomes.Outcome:
    try:
        contract = contract_of(toolkit, case, machine)
    except ContractError as error:
        assert_never_started(case)
        return outcomes.Outcome(error.exit_code, error.failure, success_file=False)
    own_failure = case.get("own_failure")
    if toolkit.startswith("v3"):
        return outcomes.outcome(Dialect.V3, case.get("script_returns", 0), contract.command, own_failure=own_failure)
    if case.get("install_fails"):
        assert contract.entry_kind
        install = entry.install_command(
            contract.entry_kind,
            has_requirements="requirements.txt" in case["code"],
            python=machine.python,
        )
        assert install
        return outcomes.toolkit_outcome(1, install, own_failure=None, step=entry.install_error(contract.entry_kind))
    return outcomes.outcome(Dialect.TOOLKIT, case.get("script_returns", 0), contract.command, own_failure=own_failure)


@pytest.mark.parametrize("name", CASES)
def test_the_script_is_started_and_the_job_ends_like_this(name: str) -> None:
    for toolkit, case, machine in recorded(name):
        if case["seen"]:
            assert_started(toolkit, case, machine)
        assert_ended(toolkit, case, machine)


def assert_started(toolkit: str, case: Mapping[str, Any], machine: Machine) -> None:
    """It sees every variable that it saw, and no other."""
    seen = case["seen"]

    contract = contract_of(toolkit, case, machine)

    assert without_shell_traces(contract.environment) == without_shell_traces(seen["environment"])
    assert (list(contract.argv), contract.cwd) == (seen["argv"], seen["cwd"])
    if contract.entry_kind in (EntryKind.SCRIPT, EntryKind.PACKAGE):
        assert list(contract.command) == seen["command"]
    elif contract.entry_kind is EntryKind.SHELL:
        assert contract.command[:2] == ("/bin/sh", "-c")


def assert_ended(toolkit: str, case: Mapping[str, Any], machine: Machine) -> None:
    end = expected_end(toolkit, case, machine)

    assert end.exit_code == case["exit_code"]
    assert end.success_file == case["success"]
    # The text of a step is the toolkit's to the letter.
    compared = 4 if "ExitCode" in str(case["failure"]) else COMPARED_LINES
    assert lines(end.failure, compared) == (case["failure"] and case["failure"][:compared])


def lines(failure: str | None, count: int) -> list[str] | None:
    return None if failure is None else failure.split("\n")[:count]
