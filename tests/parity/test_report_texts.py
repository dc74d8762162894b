"""The document of a real comparison, and what terminals and GitHub make of documents."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harness.parity.findings import Aspect
from harness.parity.report import github, html, terminal
from harness.parity.report.document import document
from harness.parity.run import Report

TARGETS = ("local", "container", "localmode", "remote")


@pytest.fixture
def told(clean: Report) -> dict[str, Any]:
    """Of a comparison in which nothing differs that is not known."""
    return json.loads(json.dumps(document(clean)))


def finding(kind: str, **members: Any) -> dict[str, Any]:
    made = {"Id": "F9", "Aspect": "metrics", "Target": "container", "Where": "test:accuracy", "Kind": kind}
    said = {"Expected": "0.9", "Seen": "0.8", "Why": None, "Breaks": None, "Remedy": None, "Accepted": None}
    return {**made, **said, **members}


def on_four_targets(told: dict[str, Any]) -> dict[str, Any]:
    """The same, as if four targets had been compared."""
    (one,) = told["Targets"]
    notes = {"remote": "a stand-in for AWS on this machine, made of plain processes; not AWS"}
    aspects = [
        {**aspect, "Cells": {name: {**aspect["Cells"]["local"], "State": "known"} for name in TARGETS}}
        for aspect in told["Aspects"]
    ]
    return {
        **told,
        "Reference": "container",
        "Targets": [{**one, "Name": name, "Note": notes.get(name)} for name in TARGETS],
        "Aspects": aspects,
    }


class TestTheDocument:
    def test_says_what_was_compared(self, told):
        assert told["Schema"] == 1
        assert told["Verdict"] == "agrees"
        assert told["Job"]["EntryPoint"] == "train.py"
        assert told["Job"]["SourceDir"] == "src"
        assert told["Job"]["Channels"] == {"train": "data/train"}
        assert told["Job"]["Hyperparameters"] == {"depth": 3, "rate": 0.5, "kind": "plain"}
        assert told["Job"]["ToolkitVersion"] == "4.8.0"

    def test_says_how_each_target_went(self, told):
        (target,) = told["Targets"]

        assert (target["Name"], target["State"], target["JobStatus"], target["ExitCode"]) == (
            *("local", "ran", "Completed"),
            0,
        )
        assert target["Metrics"] == {"accuracy": 0.75}
        assert [file["Name"] for file in target["Files"]["output"]] == ["notes.txt"]
        assert set(target["Seconds"]) == {"probe", "train", "again"}
        assert target["Versions"]["python"]

    def test_has_a_cell_for_every_aspect_and_target(self, told):
        assert [aspect["Name"] for aspect in told["Aspects"]] == list(Aspect)
        assert all(set(aspect["Cells"]) == {"local"} for aspect in told["Aspects"])

    def test_names_the_findings_of_a_cell(self, told):
        cells = {aspect["Name"]: aspect["Cells"]["local"] for aspect in told["Aspects"]}
        named = [each for cell in cells.values() for each in cell["Findings"]]

        assert sorted(named) == sorted(each["Id"] for each in told["Findings"])
        assert all(cell["State"] == "known" for cell in cells.values() if cell["Findings"])


def with_cell(told: dict[str, Any], aspect: str, **cell: Any) -> dict[str, Any]:
    """The same, but for one cell."""
    aspects = [
        {**each, "Cells": {"local": {**each["Cells"]["local"], **cell}}} if each["Name"] == aspect else each
        for each in told["Aspects"]
    ]
    return {**told, "Aspects": aspects}


class TestWhatCouldNotBeCompared:
    @pytest.fixture
    def silent(self, told) -> dict[str, Any]:
        reason = "the model takes no CSV; name bodies"
        cell = {"State": "not compared", "Compared": 0, "Findings": [], "Reason": reason}
        return with_cell(with_cell(told, "endpoint", **cell), "transform", **cell)

    def test_is_in_the_table_of_a_terminal_with_the_reason_once(self, silent):
        text = terminal.render(silent)

        assert re.search("^Endpoint +not compared$", text, re.MULTILINE)
        assert re.search("^Batch transform +not compared$", text, re.MULTILINE)
        assert "not compared on local: Endpoint and Batch transform: the model takes no CSV; name bodies" in " ".join(
            text.split()
        )
        assert "\nlocal agrees with AWS's contract, as far as was compared" in text

    def test_limits_what_the_page_says_and_has_its_reason_there(self, silent):
        page = html.render(silent)

        assert "Not compared on local: Endpoint and Batch transform." in page
        assert "<b>Endpoint and Batch transform</b> not compared on local: the model takes no CSV; name bodies" in page

    def test_is_a_notice_for_github(self, silent):
        line = "::notice title=parity%3A not compared on local::Endpoint and Batch transform: the model takes no CSV"

        assert line in github.render(silent)

    def test_needs_no_word_where_it_is_for_want_of_another_target(self, told):
        assert "not compared" not in terminal.render(told)


def test_a_cell_counts_what_makes_its_state_and_leads_there(told):
    both = [finding("known", Id="F1", Target="local"), finding("unexplained", Id="F2", Target="local")]
    mixed = {
        **with_cell(told, "metrics", State="differs", Findings=["F1", "F2"]),
        "Verdict": "differs",
        "Findings": both,
    }

    assert re.search("^Metrics +DIFFERS 1$", terminal.render(mixed), re.MULTILINE)
    assert "differs: 1 unexplained" in terminal.render(mixed)
    assert re.search('href="#F2">.*differs</span></a>', html.render(mixed))


class TestATerminal:
    def test_shows_a_clean_comparison_of_four_targets_on_one_screen(self, told):
        lines = terminal.render(on_four_targets(told)).splitlines()

        assert len(lines) <= 23  # and the prompt
        assert max(map(len, lines)) <= 80

    def test_says_what_is_known_as_a_number(self, told):
        assert f"{len(told['Findings'])} known; --html" in terminal.render(told)

    def test_tells_all_of_what_is_not_explained(self, told):
        failing = finding("unexplained", Why="other numbers", Breaks="the model", Remedy="a seed")

        text = terminal.render({**told, "Verdict": "differs", "Findings": [failing]})

        for part in ("container", "metrics", "test:accuracy", "0.9", "0.8", "other numbers", "the model", "a seed"):
            assert part in text
        assert "differs: 1 unexplained" in text

    def test_is_given_no_line_and_no_colour_of_a_job_s_own_making(self, told):
        failing = finding("unexplained", Where="a\n::error::b", Seen="\x1b[2Jgone")

        lines = terminal.render({**told, "Findings": [failing]}).splitlines()

        assert r"container  metrics  a\n::error::b  (unexplained)" in lines
        assert r"  seen       \x1b[2Jgone" in lines

    def test_tells_long_values_shortly(self, told):
        text = terminal.render({**told, "Findings": [finding("unexplained", Seen="word " * 4000)]})

        assert max(map(len, text.splitlines())) <= 80
        assert len(text.splitlines()) < 40

    def test_says_why_a_target_is_missing(self, told):
        absent = {**told["Targets"][0], "State": "unavailable", "Reason": "there is no Docker engine"}

        assert "local unavailable: there is no Docker engine" in terminal.render({**told, "Targets": [absent]})

    def test_wraps_a_long_reason_and_leaves_nothing_out(self, told):
        reason = " ".join(f"word{number}" for number in range(60))
        absent = {**told["Targets"][0], "State": "unavailable", "Reason": reason}

        text = terminal.render({**told, "Targets": [absent]})

        assert reason in text.replace("\n", " ")
        assert max(map(len, text.splitlines())) <= 80

    def test_counts_as_the_page_does_what_is_said_alike_of_several_targets(self, told):
        findings = [finding("known", Target=name) for name in TARGETS]
        alike = {**on_four_targets(told), "Findings": findings}

        assert "1 known; --html" in terminal.render(alike)
        assert "1 difference is known or accepted" in html.render(alike)

    def test_names_all_targets_of_which_the_same_is_not_explained(self, told):
        findings = [finding("unexplained", Target=name) for name in TARGETS]

        text = terminal.render({**on_four_targets(told), "Verdict": "differs", "Findings": findings})

        assert "local, container, localmode and remote  metrics  test:accuracy" in text
        assert "differs: 1 unexplained" in text

    def test_is_not_green_where_targets_agree_in_a_job_that_does_not_complete(self, told):
        reason = "AlgorithmError:\nExitCode 1"
        failed = {
            **told["Targets"][0],
            "JobStatus": "Failed",
            "FailureReason": reason,
            "LogTail": "algo-1 | one\nalgo-1 | depth must be zero",
        }

        text = terminal.render({**told, "Targets": [failed]}, style=lambda text, state: f"<{state}>{text}")

        assert "\n<differs>the job does not complete" in text
        assert re.search("How the job ends +<differs>Failed", text)
        assert "local  Failed: AlgorithmError: ExitCode 1\n" in text
        assert "The last lines of the job's log:\n  algo-1 | one\n  algo-1 | depth must be zero\n" in text

    def test_says_of_several_targets_that_none_completes_the_job(self, told):
        failed = [{**told["Targets"][0], "Name": name, "JobStatus": "Failed"} for name in ("local", "container")]
        aspects = [
            {**each, "Cells": dict.fromkeys(("local", "container"), each["Cells"]["local"])} for each in told["Aspects"]
        ]

        text = terminal.render({**told, "Targets": failed, "Aspects": aspects})

        assert "local and container agree: the job does not complete on any\n" in f"{text}\n"

    def test_shows_of_a_traceback_the_script_s_own_lines(self, told):
        inside = [
            'algo-1 |   File "/usr/lib/python3.12/site-packages/sklearn/base.py", line 1, in fit',
            "algo-1 |     check()",
            "algo-1 |     ^^^^^^^",
        ]
        log = [
            "algo-1 | Traceback (most recent call last):",
            'algo-1 |   File "/opt/ml/code/train.py", line 7, in main',
        ]
        log += ["algo-1 |     model.fit(rows)", *(inside * 10), "algo-1 | ValueError: no rows"]
        failed = {**told["Targets"][0], "JobStatus": "Failed", "LogTail": "\n".join(log)}

        text = terminal.render({**told, "Targets": [failed]})

        shown = [*log[:3], "algo-1 |   …", log[-1]]
        assert "\n".join(f"  {line}" for line in shown) in text

    def test_says_who_stood_in_for_aws(self, told):
        stood_in = {**told["Targets"][0], "Note": "a stand-in for AWS"}

        assert "local: a stand-in for AWS" in terminal.render({**told, "Targets": [stood_in]})


class TestGitHub:
    @pytest.mark.parametrize(
        ("kind", "level"),
        [("unexplained", "error"), ("nondeterministic", "error"), ("stale-acceptance", "error"), ("known", "notice")],
    )
    def test_gets_an_annotation_for_each_finding(self, told, kind, level):
        (line,) = github.render({**told, "Findings": [finding(kind)]}).splitlines()

        assert line.startswith(f"::{level} file=src/train.py,title=parity%3A metrics on container::test:accuracy")

    def test_gets_a_warning_for_a_target_that_is_missing(self, told):
        absent = {**told["Targets"][0], "State": "unavailable", "Reason": "no engine"}

        text = github.render({**told, "Targets": [absent], "Findings": []})

        assert text == "::warning title=parity%3A local unavailable::no engine"

    @pytest.mark.slow
    def test_gets_one_line_for_each_whatever_is_in_it(self, told):
        hostile = finding("unexplained", Where="a,b:c", Seen="100%\n::error::gotcha\r\n")

        (line,) = github.render({**told, "Findings": [hostile]}).split("\n")

        assert "100%25%0A::error::gotcha%0D%0A" in line
