"""``harness runs`` without a name: the youngest, or the only one that runs."""

from __future__ import annotations

import pytest

WAITS = "import sys, time; print('started', flush=True); time.sleep(600 if '--wait' in sys.argv else 0)"


@pytest.fixture
def made(project):
    """A project whose jobs last for as long as somebody wants: hyperparameter ``wait``."""
    made = project(WAITS, config="stop_grace = 0")
    yield made
    for each in made.here("runs", "--json").json:
        made.here("runs", "stop", each["Name"])


def start(made, name):
    assert made.harness("train", "--no-wait", "--job-name", name, "--hyperparameter", "wait=1").code == 0


@pytest.mark.slow
def test_shows_and_follows_the_youngest(made):
    for name in ("older", "younger"):
        made.harness("train", "--job-name", name)
    assert made.harness("runs", "show").json["TrainingJobName"] == "younger"
    followed = made.harness("runs", "follow")
    assert followed.code == 0
    assert "younger  Completed" in followed.out


@pytest.mark.slow
def test_tells_of_the_others_beside_one_that_is_broken(made):
    for name in ("broken", "whole"):
        made.harness("train", "--job-name", name)
    (made.run_folder("broken") / "describe.json").write_text("{")
    listed = made.here("runs", "--json")
    assert [each["Name"] for each in listed.json] == ["whole"]
    assert f"{made.run_folder('broken')}/describe.json is not as the harness has written it" in listed.err
    removed = made.here("clean", "--runs", "--yes", "--json")
    assert (removed.code, removed.json["Removed"]) == (0, ["whole"]), removed.err
    (made.run_folder("broken") / "describe.json").unlink()


@pytest.mark.slow
def test_stops_the_one_that_runs_and_asks_which_where_there_are_more(made):
    made.harness("train", "--job-name", "done")
    start(made, "a")
    start(made, "b")
    asked = made.here("runs", "stop")
    assert asked.code == 2
    assert "2 jobs run; name the one to stop: b, a." in asked.err
    assert made.here("runs", "stop", "a").code == 0
    made.here("runs", "follow", "a")
    stopped = made.harness("runs", "stop", "--json")
    assert (stopped.code, stopped.json["TrainingJobName"]) == (0, "b")
    assert "b was stopped" in made.here("runs", "follow").err


@pytest.mark.parametrize(
    ("verb", "says"),
    [
        (("show",), "No jobs and no endpoints in"),
        (("follow",), "No jobs and no endpoints in"),
        (("stop",), "No job runs in"),
        (("stop", "--on", "remote"), "may be a colleague's: name the job"),
    ],
    ids=" ".join,
)
def test_of_nothing_says_so(project, verb, says):
    done = project().here("runs", *verb, "--json")
    assert done.code == 2
    assert says in done.json["Error"]["Message"]
