"""docs/lint.md says what the rules and the corpus say."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import load
from harness.lint import known_rules, lint
from tests.lint.corpus import CASES
from tests.lint.document import DOCUMENT, UNUSED, USED, document

ABOUT_JOBS = [rule.id for rule in known_rules() if not rule.id.startswith("HRN9")]


def test_the_document_is_the_one_that_document_py_writes():
    assert DOCUMENT.read_text("utf-8") == document()


@pytest.mark.parametrize("rule", ABOUT_JOBS)
def test_a_rule_is_shown_with_an_example_that_goes_wrong_and_one_that_does_not(rule: str):
    examples = [case for case in CASES if case.example]
    assert [case for case in examples if rule in case.finds[:1]]
    assert [case for case in examples if rule in case.near[:1]]


@pytest.mark.parametrize(("line", "found"), [(UNUSED, ["HRN901"]), (USED, [])], ids=["unused", "used"])
def test_the_examples_of_comments_are_right(tmp_path: Path, line: str, found: list[str]):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/train.py").write_text(f"{line}\n")
    (tmp_path / "harness.toml").write_text('entry_point = "train.py"\nsource_dir = "src"\n')
    report = lint(load(project_dir=tmp_path, flags={}, environ={}))
    assert [each.rule for each in report.findings] == found


def test_ids_and_names_are_each_used_once():
    rules = known_rules()
    assert len({rule.id for rule in rules}) == len({rule.name for rule in rules}) == len(rules)
    assert [rule.id for rule in rules] == sorted(rule.id for rule in rules)
