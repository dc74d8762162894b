"""A passport lets exactly that job go which was compared."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import config
from harness.config import Config
from harness.errors import ConfigurationError, ParityError
from harness.parity.passport import changes, identity, make, require, write
from tests.parity import sample_documents as sample

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "parity.md"
CONFIGURATION = """
entry_point = "train.py"
source_dir = "src"
base_job_name = "job"
max_run = 3600
hyperparameters = { depth = 3, api_token = "hush-hush" }
environment = { MODE = "fast", DB_PASSWORD = "hush-hush" }
channels = { train = "data/train" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src" / "lib").mkdir(parents=True)
    (tmp_path / "src" / "train.py").write_text("print('hello')\n")
    (tmp_path / "src" / "lib" / "tree.py").write_text("DEPTH = 3\n")
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "data" / "train" / "part.csv").write_text("0,1\n")
    (tmp_path / "harness.toml").write_text(CONFIGURATION)
    return tmp_path


def load(folder: Path, environ: Mapping[str, str] | None = None, **flags: Any) -> Config:
    return config.load(config_file=folder / "harness.toml", flags=flags, environ=environ or {})


def issued(folder: Path, report: Mapping[str, Any] | None = None) -> Path:
    """A passport for what lies there."""
    loaded, path = load(folder), folder / "passport.json"
    write(path, loaded, identity(loaded), report or sample.clean())
    return path


def refusal(folder: Path, path: Path, **flags: Any) -> str:
    with pytest.raises(ParityError) as raised:
        require(path, load(folder, **flags))
    return raised.value.message


class TestAPassport:
    def test_lets_go_what_was_compared(self, folder):
        require(issued(folder), load(folder))

    def test_is_the_same_bytes_for_the_same_comparison(self, folder):
        first = issued(folder).read_bytes()
        assert issued(folder).read_bytes() == first

    def test_can_be_read_by_people(self, folder):
        held = json.loads(issued(folder, sample.findings_of_every_kind()).read_text())
        assert held["Verdict"] == "differs"
        assert held["Findings"] == {
            "accepted": 1,
            "known": 6,
            "nondeterministic": 1,
            "stale-acceptance": 1,
            "unexplained": 2,
        }
        assert held["Source"]["EntryPoint"] == "train.py"
        assert set(held["Source"]["Files"]) == {"train.py", "lib/tree.py"}
        assert held["Image"]["Name"] == "sagemaker-scikit-learn:1.9-0-cpu-py3"
        assert held["Results"]["local"]["Metrics"] == {"test:accuracy": 0.9667, "train:accuracy": 1.0}

    def test_holds_no_value_of_a_credential(self, folder):
        text = issued(folder).read_text()
        assert "hush" not in text
        assert "DB_PASSWORD" in text
        assert "api_token" in text

    def test_holds_none_in_a_hyperparameter_or_variable_that_is_more_than_that(self, folder):
        loaded = load(
            folder,
            hyperparameters={"auth": {"token": "hunter22"}},
            environment={"DATABASE": "postgres://me:hunter22@host/db"},
        )
        path = folder / "passport.json"
        write(path, loaded, identity(loaded), sample.clean())
        assert "hunter22" not in path.read_text()
        assert "postgres://me:(redacted)@host/db" in path.read_text()

    def test_holds_none_in_another_that_quotes_it(self, folder):
        given = {"hyperparameters": {"note": "hello-hush-hush"}, "environment": {"URL": "https://host/?key=hush-hush"}}
        loaded, path = load(folder, **given), folder / "passport.json"
        write(path, loaded, identity(loaded), sample.clean())
        require(path, loaded)
        assert '"hello-(redacted)' in path.read_text()
        assert "hush" not in path.read_text()

    def test_holds_no_path_of_this_machine(self, folder):
        assert str(folder) not in issued(folder).read_text()

    def test_holds_for_a_job_on_aws_with_its_own_role_region_and_bucket(self, folder):
        path = issued(folder)
        for region in ("eu-central-1", "cn-north-1"):
            flags = {"on": "remote", "role": "arn:aws:iam::123456789012:role/sagemaker", "region": region}
            require(path, load(folder, **flags, job_name="another", output_path="s3://mine/output"))

    def test_does_not_care_where_the_project_lies(self, folder, tmp_path_factory):
        path = issued(folder)
        moved = tmp_path_factory.mktemp("elsewhere") / "project"
        folder.rename(moved)
        require(moved / path.name, load(moved))

    def test_does_not_speak_of_the_data(self, folder):
        path = issued(folder)
        (folder / "data" / "train" / "part.csv").write_text("1,1\n")
        require(path, load(folder))

    def test_lets_it_go_from_within_the_source_that_it_is_for(self, folder):
        loaded, path = load(folder), folder / "src" / "parity-passport.json"
        for _ in ("new", "written over"):
            write(path, loaded, identity(loaded), sample.clean())
            require(path, load(folder))

    def test_is_not_issued_for_what_changes_meanwhile(self, folder):
        before = identity(load(folder))
        (folder / "src" / "train.py").write_text("print('changed')\n")
        with pytest.raises(ConfigurationError, match=r"train\.py has changed"):
            write(folder / "passport.json", load(folder), before, sample.clean())
        assert not (folder / "passport.json").exists()


class TestAStalePassport:
    @pytest.mark.parametrize(
        ("name", "text", "told"),
        [
            ("src/train.py", "print('other')\n", "source: train.py has changed"),
            ("src/lib/tree.py", "DEPTH = 4\n", "source: lib/tree.py has changed"),
            ("src/new.py", "", "source: new.py is new"),
            ("src/lib/tree.py", None, "source: lib/tree.py is gone"),
        ],
    )
    def test_says_which_file_it_is(self, folder, name, text, told):
        path = issued(folder)
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(text)
        message = refusal(folder, path)
        assert f"  {told}\n" in message
        assert message.count("source: ") == 1

    def test_notices_that_a_file_can_be_executed_now(self, folder):
        path = issued(folder)
        (folder / "src" / "train.py").chmod(0o755)
        assert "modes" in refusal(folder, path)

    @pytest.mark.parametrize(
        ("flags", "told"),
        [
            ({"hyperparameters": {"depth": 4}}, "request: HyperParameters.depth was 3, is 4"),
            ({"hyperparameters": {"width": 2}}, "request: HyperParameters.width is new: 2"),
            ({"environment": {"MODE": "slow"}}, "request: Environment.MODE was fast, is slow"),
            ({"max_run": 60}, "request: StoppingCondition.MaxRuntimeInSeconds was 3600, is 60"),
            ({"instance_count": 2}, "request: ResourceConfig.InstanceCount was 1, is 2"),
            ({"channels": {"test": "s3://bucket/test"}}, "request: InputDataConfig.test.ChannelName is new"),
            (
                {"framework_version": "1.4-2-py312"},
                "image: Name was sagemaker-scikit-learn:1.9-0-cpu-py3, is sagemaker-scikit-learn:1.4-2-py312-cpu-py3",
            ),
            ({"entry_point": "lib/tree.py"}, "entry point: was train.py, is lib/tree.py"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    def test_says_which_setting_it_is(self, folder, flags, told):
        message = refusal(folder, issued(folder), **flags)
        if "InputDataConfig" in told:
            told = "request: InputDataConfig.test."
        assert told in message

    def test_says_that_another_image_has_other_pins(self, folder):
        assert "image: Pins was " in refusal(folder, issued(folder), framework_version="1.4-2-py312")

    def test_says_that_another_team_s_image_of_the_same_name_is_another(self, folder):
        path, (one, same, other) = (
            folder / "passport.json",
            (
                f"{registry}.amazonaws.com/{team}/train:1"
                for registry, team in (
                    ("1.dkr.ecr.eu-west-1", "us"),
                    ("2.dkr.ecr.us-east-1", "us"),
                    ("1.dkr.ecr", "them"),
                )
            ),
        )
        made = load(folder, image_uri=one)
        write(path, made, identity(made), sample.clean())
        require(path, load(folder, image_uri=same))
        assert "image: Name was us/train:1, is them/train:1" in refusal(folder, path, image_uri=other)

    def test_notices_a_credential_that_is_gone_but_not_its_value(self, folder):
        path, text = issued(folder), (folder / "harness.toml").read_text()
        (folder / "harness.toml").write_text(text.replace("hush-hush", "other"))
        require(path, load(folder))
        (folder / "harness.toml").write_text(text.replace(', DB_PASSWORD = "hush-hush"', ""))
        assert "request: Environment.DB_PASSWORD is gone" in refusal(folder, path)

    def test_names_what_to_do_and_that_nothing_was_sent(self, folder):
        path = issued(folder)
        message = refusal(folder, path, max_run=60)
        assert message.endswith(f"Run `harness parity --passport {path}`. Nothing was sent.")

    def test_does_not_list_hundreds_of_changes(self, folder):
        path = issued(folder)
        for number in range(100):
            (folder / "src" / f"m{number}.py").write_text("")
        message = refusal(folder, path)
        assert "and 88 more" in message
        assert len(message.splitlines()) < 20


class TestNoPassport:
    def test_that_is_not_there_says_so(self, folder):
        assert "There is no passport" in refusal(folder, folder / "passport.json")

    @pytest.mark.parametrize(
        "content",
        [
            *("", "[]", "{}", "\x00", '{"Schema": 99}', '{"Schema": 2, "Verdict": "agrees"}', "[" * 100_000),
            *(
                json.dumps({"Schema": 2, "Verdict": "agrees", "CreatedAt": "", "Request": {}, "Image": {}, **odd})
                for odd in (
                    *({"Source": {}, "Results": {}}, {"Source": [], "Results": []}, {"Results": {"local": {}}}),
                    {"Source": {}, "Results": {}, "Differences": [{"Target": "local"}]},
                )
            ),
        ],
        ids=range(11),
    )
    def test_that_is_something_else_says_so(self, folder, content):
        (folder / "passport.json").write_text(content)
        message = refusal(folder, folder / "passport.json")
        assert "passport" in message
        assert "Traceback" not in message

    @pytest.mark.parametrize(
        ("at", "odd"),
        [
            *((("Results", "local", "JobStatus"), odd) for odd in ([], {}, 1)),
            *((("Results", "local", "State"), odd) for odd in ([], None)),
            *((("Source", "Files"), odd) for odd in (None, [1], "train.py")),
            *((("Source", "EntryPoint"), odd) for odd in (None, [1])),
            *((("Differences",), odd) for odd in (None, 1, [1], [{}], {"a": 1})),
            *(
                (("Differences",), [{"Target": "local", "Aspect": "a", "Where": odd, "Kind": "k"}])
                for odd in (None, [])
            ),
            (("Request", "HyperParameters"), json.loads("[" * 500 + "]" * 500)),
        ],
        ids=range(18),
    )
    def test_that_was_tampered_with_says_so(self, folder, at, odd):
        held = json.loads(issued(folder).read_text())
        part = held
        for name in at[:-1]:
            part = part[name]
        part[at[-1]] = odd
        held["Source"]["Sha256"] = "another"
        (folder / "passport.json").write_text(json.dumps(held))
        assert re.search("is no passport|cannot be read as a passport", refusal(folder, folder / "passport.json"))

    def test_of_a_failed_comparison_lets_nothing_go(self, folder):
        path = issued(folder, sample.findings_of_every_kind())
        assert "the job did not complete on container:\n  local: environment MODEL_CACHE" in refusal(folder, path)

    def test_of_targets_that_differ_lets_nothing_go_and_says_in_what(self, folder):
        report = sample.clean() | {"Verdict": "differs"}
        report["Findings"] = sample.findings_of_every_kind()["Findings"]
        message = refusal(folder, issued(folder, report))
        assert "targets differed in what nobody expected:\n" in message
        assert message.splitlines()[1:-1] == [
            "  local: environment MODEL_CACHE (unexplained)",
            "  container: outcome FailureReason (unexplained)",
            "  local: metrics test:accuracy (nondeterministic)",
            "  remote: umask accept[1] (stale-acceptance)",
        ]

    def test_of_no_run_at_all_lets_nothing_go(self, folder):
        report = sample.clean()
        report["Targets"] = [sample.target("local", State="unavailable", JobStatus=None)]
        assert "no target was there" in refusal(folder, issued(folder, report))


@pytest.mark.slow
def test_a_source_of_many_files_is_known_by_one_hash(folder):
    for number in range(1001):
        (folder / "src" / f"m{number}.py").write_text("")
    before = identity(load(folder))
    assert before["Source"]["Files"] == {}
    (folder / "src" / "m7.py").write_text("changed")
    assert list(changes(before, identity(load(folder)))) == ["source: some of its files, or their modes, have changed"]


def test_a_passport_is_about_what_was_before_the_run_and_of_what_came_out(folder):
    about = identity(load(folder))
    held = make(about, sample.clean())
    assert {part: held[part] for part in about} == about
    assert held["CreatedAt"] == sample.clean()["Job"]["CreatedAt"]


class TestTheCommandLine:
    def test_sends_nothing_without_a_passport(self, project):
        made = project("print('hello')")
        ended = made.harness("train", "--require-passport", "--job-name", "j")
        assert ended.code == 3
        assert "There is no passport" in ended.err
        assert not made.run_folder("j").exists()

    def test_sends_what_a_passport_is_for(self, project):
        made = project("print('hello')")
        loaded = load(made.folder)
        write(made.folder / "parity-passport.json", loaded, identity(loaded), sample.clean())
        assert made.harness("train", "--require-passport", "--job-name", "j").code == 0
        assert made.describe("j")["TrainingJobStatus"] == "Completed"

    def test_refuses_what_has_changed_since(self, project):
        made = project("print('hello')")
        loaded = load(made.folder)
        write(made.folder / "here.json", loaded, identity(loaded), sample.clean())
        ended = made.harness("train", "--require-passport", "here.json", "--hyperparameter", "depth=4")
        assert ended.code == 3
        assert "request: HyperParameters.depth is new: 4" in ended.err

    @pytest.mark.slow
    def test_says_how_to_compare_the_very_job_that_was_refused(self, project):
        made = project("print('hello')")
        options = ("--hyperparameter", "depth=4", "--max-run", "60", "--enable-network-isolation")
        secret = ("--environment", "DB_PASSWORD=hush hush")
        ended = made.harness("train", "--job-name", "j", "--require-passport", "a b.json", *options, *secret)
        (command,) = re.findall("Run `harness (.*?)`", ended.err)
        said = shlex.split(command)
        assert {*options} < {*said}
        assert "hush" not in command
        made.harness(*said, "--on", "local")
        asked = ("train", "--job-name", "j", "--require-passport", "a b.json", *options)
        assert made.harness(*asked, *secret).code == 0
        assert made.harness(*asked).code == 3

    def test_says_it_as_the_documentation_shows_it(self, project):
        made = project("print('hello')", config="hyperparameters = { max_leaf_nodes = 30 }")
        loaded = load(made.folder)
        write(made.folder / "parity-passport.json", loaded, identity(loaded), sample.clean())
        made.write("src/train.py", "print('changed')")
        ended = made.harness("train", "--hyperparameter", "max_leaf_nodes=40", "--require-passport")
        (shown,) = re.findall(r"```\n(harness: The passport .*?)```", DOCUMENTATION.read_text("utf-8"), re.DOTALL)
        assert ended.err == shown

    def test_says_no_credential_of_the_job_that_was_refused(self, project):
        made = project("print('hello')", config='environment = { DB_PASSWORD = "hush-hush" }')
        loaded = load(made.folder)
        write(made.folder / "parity-passport.json", loaded, identity(loaded), sample.clean())
        quoting = ("--hyperparameter", "note=my hush-hush", "--environment", "URL=https://me:pw@host/hush-hush")
        done = made.here("train", "--require-passport", *quoting)
        assert "HyperParameters.note is new" in done.err
        assert "'note=my (redacted)'" in done.err
        assert "hush" not in done.err
        assert "pw" not in done.err

    def test_is_shown_nothing_that_has_power_over_the_terminal(self, project):
        made = project("print('hello')")
        loaded = load(made.folder)
        report = sample.clean() | {"Verdict": "differs"}
        report["Findings"] = [sample.finding(1, "a", "\x1b]0;b\x07", "\x9b2J\ud800", "c", "d", "unexplained")]
        write(made.folder / "parity-passport.json", loaded, identity(loaded), report)
        done = made.here("train", "--require-passport", "--json")
        assert "\\x1b]0;b\\x07: a \\x9b2J\\ud800" in done.err
        assert done.json["Error"]["Type"] == "ParityError"

    def test_holds_no_passport_against_a_request_of_the_users_own(self, project):
        made = project("print('hello')")
        ended = made.harness("train", "--require-passport", "--request", "-", stdin="{}")
        assert ended.code == 2


def test_a_job_for_another_target_has_the_same_identity(folder):
    loaded = load(folder)
    assert identity(loaded) == identity(replace(loaded, on="remote", role="arn:aws:iam::1:role/r", region="eu-west-1"))


def test_the_configuration_in_the_documentation_can_be_loaded(folder):
    def loaded(shown):
        (folder / "pyproject.toml").write_text(shown)
        return config.load(config_file=folder / "pyproject.toml", flags={}, environ={}).parity

    accepting, asking = map(loaded, re.findall(r"```toml\n(.*?)```", DOCUMENTATION.read_text("utf-8"), re.DOTALL))
    assert [(each.aspect, each.where) for each in accepting.accept] == [("metrics", "train:seconds")]
    assert Path(asking.rows).name == "requests.jsonl"


@pytest.mark.slow
def test_a_comparison_issues_what_training_asks_for(project):
    made = project("print('hello')")
    root = ("--source-dir", ".", "--entry-point", "src/train.py")  # which everything is written into
    reports = ("--passport", "passport.json", "--html", "parity.html")
    compared = made.harness("parity", "--on", "local", *reports, *root, "--hyperparameter", "depth=3")
    assert compared.code == 0, compared.err
    asked = ("train", "--require-passport", "passport.json", "--job-name", "j", *root)
    assert made.harness(*asked, "--hyperparameter", "depth=3").code == 0
    assert made.harness(*asked, "--hyperparameter", "depth=4").code == 3
