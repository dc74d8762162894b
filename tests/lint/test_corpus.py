"""Every rule against what really happens: the corpus, and what was observed of it (see ``observe.py``)."""

from __future__ import annotations

from collections import Counter

import pytest

from harness.lint import Severity, known_rules
from tests.lint.corpus import CASES, Case, label, observations

OBSERVED = observations()

ABOUT_JOBS = [rule.id for rule in known_rules() if not rule.id.startswith("HRN9")]
"""Rules about what a job does; HRN9xx are about comments and the size of the source."""


def outcome(case: Case) -> str:
    return label(OBSERVED[case.name])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lint_finds_in_a_case_what_it_is_there_for_and_nothing_else(case: Case):
    assert case.found() == tuple(sorted(case.finds))
    assert case.found(Severity.NOTE) == tuple(sorted(case.notes))


def test_a_person_s_own_run_of_a_case_is_a_good_one_unless_it_says_otherwise():
    assert not [case.name for case in CASES if OBSERVED[case.name]["here"]["ended_well"] == case.fails_at_home]


def test_what_lint_calls_an_error_fails_and_what_it_warns_of_fails_or_does_something_else():
    assert not [case.name for case in CASES if case.finds and outcome(case) not in wrong_for(case)]


def wrong_for(case: Case) -> set[str]:
    return {"fails"} if case.found(Severity.ERROR) else {"fails", "differs"}


def test_a_near_miss_is_a_job_that_did_the_same():
    assert not [case.name for case in CASES if case.near and (case.finds or outcome(case) != "same")]


def test_what_lint_misses_goes_wrong():
    assert not [case.name for case in CASES if case.missed and (case.finds or outcome(case) == "same")]


def test_a_rule_has_spoken_of_a_job_that_went_wrong():
    spoken = {rule for case in CASES if outcome(case) != "same" for rule in case.finds}
    assert not set(ABOUT_JOBS) - spoken


def test_a_rule_has_kept_silent_about_two_jobs_that_went_well():
    silent = Counter(rule for case in CASES if outcome(case) == "same" for rule in set(case.near))
    assert not [rule for rule in ABOUT_JOBS if silent[rule] < 2]


@pytest.mark.slow
def test_of_what_lint_calls_an_error_all_fails_and_most_of_what_goes_wrong_is_found(record_property):
    outcomes = {case: outcome(case) for case in CASES}
    errors = [case for case in CASES if case.found(Severity.ERROR)]
    warned = [case for case in CASES if case.found() and case not in errors]
    failing = [case for case, outcome in outcomes.items() if outcome == "fails"]
    wrong = [case for case, outcome in outcomes.items() if outcome != "same"]
    right_errors = [case for case in errors if outcomes[case] == "fails"]
    right_warnings = [case for case in warned if outcomes[case] != "same"]
    found = [case for case in wrong if case.found()]
    record_property(
        "lint",
        f"{len(CASES)} jobs, {len(wrong)} of them go wrong; "
        f"errors: precision {len(right_errors)}/{len(errors)}, recall {len(right_errors)}/{len(failing)}; "
        f"warnings: precision {len(right_warnings)}/{len(warned)}; "
        f"found of all that goes wrong: {len(found)}/{len(wrong)} = {len(found) / len(wrong):.2f}",
    )
    assert len(right_errors) == len(errors)
    assert len(right_warnings) == len(warned)
    assert len(found) / len(wrong) > 0.8
