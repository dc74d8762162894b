"""Comparisons of real jobs on real targets: what each planted difference and each kind of bad input comes to."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.config import Config
from harness.errors import ConfigurationError, MissingCapability, UsageError
from harness.parity import consistency, run, trial
from harness.parity.findings import Aspect, Finding, Kind
from harness.parity.run import Report, TargetRun
from harness.targets import Event, Target
from harness.targets.local import LocalTarget, open_target
from tests.parity.conftest import SCRIPT, make_job

WRITES = """
import os
open(os.path.join(os.environ["SM_MODEL_DIR"], "model.txt"), "w").write("m")
os.makedirs(os.environ["SM_OUTPUT_DATA_DIR"], exist_ok=True)
"""


def failing(report: Report) -> list[Finding]:
    return [finding for finding in report.judged.findings if finding.kind.fails]


def by_name(report: Report) -> dict[str, TargetRun]:
    return {each.name: each for each in report.targets}


@pytest.mark.slow
def test_a_job_that_behaves_agrees_with_the_contract(clean):
    assert clean.agrees
    assert by_name(clean)["local"].state == "ran"


def test_a_job_is_run_twice_and_so_its_outcome_is_compared_on_one_target_too(clean):
    compared = clean.judged.compared

    assert compared["local", Aspect.OUTCOME]
    assert compared["local", Aspect.METRICS] == 1
    assert compared["local", Aspect.MODEL_PREDICTIONS] == 2


def test_a_model_is_asked_for_rows_of_the_channel_without_their_label(clean):
    assert by_name(clean)["local"].visit.shown.predictions.values == [10.2, 14.0]


class TestAModelThatCannotBeAsked:
    """That nothing was compared is told, and not taken for agreement."""

    OF_SERVING = (Aspect.MODEL_PREDICTIONS, Aspect.ENDPOINT, Aspect.TRANSFORM, Aspect.CONSISTENCY)

    def reasons(self, report: Report) -> dict[Aspect, str]:
        return {aspect: report.judged.uncompared.get(("local", aspect), "") for aspect in self.OF_SERVING}

    @pytest.mark.slow
    def test_in_the_only_form_there_is_says_so_of_everything_that_asks_it(self, compare):
        takes_json = SCRIPT + "\ndef input_fn(data, content_type):\n    raise ValueError('JSON only')\n"
        reasons = self.reasons(compare(takes_json))

        assert all("rows.csv: ValueError: JSON only; parity.rows takes" in each for each in reasons.values()), reasons

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ("enable_network_isolation = true\n", "takes its code from the model"),
            ('framework_version = "1.4-2"\n', "AWS has no inference image for framework_version 1.4-2"),
        ],
        ids=["no network", "no image"],
    )
    def test_since_no_such_server_can_be_asked_for_says_so_and_is_no_target_s_fault(self, tmp_path, more, why):
        job = make_job(tmp_path / "project", more=more)
        report = run.run(job, ("local",), asked=True, check=consistency.check)

        assert {each.aspect for each in failing(report)} <= {Aspect.VERSIONS}  # of this machine's packages
        assert why in self.reasons(report)[Aspect.CONSISTENCY]
        assert report.judged.compared["local", Aspect.MODEL_PREDICTIONS] == 2

    @pytest.mark.slow
    def test_for_want_of_rows_says_so_as_well(self, compare):
        assert all("no input here reads as CSV" in each for each in self.reasons(compare(WRITES)).values())

    @pytest.mark.slow
    def test_is_sent_bodies_that_are_configured_and_is_compared_by_its_endpoint(self, tmp_path):
        job = make_job(tmp_path / "project", more='parity.rows = "q.json"\n', files={"q.json": "[[1.0, 2.0]]"})
        report = run.run(job, ("local",), asked=True, check=consistency.check)

        assert report.agrees
        assert report.judged.compared["local", Aspect.ENDPOINT] == 1
        assert by_name(report)["local"].visit.shown.predictions is None
        assert [aspect for aspect, why in self.reasons(report).items() if "are sent to the endpoint alone" in why] == [
            *(Aspect.MODEL_PREDICTIONS, Aspect.TRANSFORM, Aspect.CONSISTENCY)
        ]

    def test_has_nothing_to_say_where_it_was_asked(self, clean):
        assert not clean.judged.uncompared


class TestWhoAsksToBeTold:
    @pytest.mark.slow
    def test_is_told_of_every_run(self, tmp_path):
        told: list[str] = []

        run.run(make_job(tmp_path, WRITES), ("local",), asked=True, tell=told.append)

        assert told[:2] == ["local", "local: probe and job are running, the job twice"]
        assert [each.split("  ")[:2] for each in told[2:]] == [
            ["local: probe", "Completed"],
            ["local: train", "Completed"],
            ["local: again", "Completed"],
        ]


@pytest.mark.slow
def test_the_end_of_the_log_of_a_job_that_fails_is_kept(compare):
    report = compare("for n in range(200): print('line', n)\nraise SystemExit('depth must be zero')")

    lines = by_name(report)["local"].visit.trial.printed.splitlines()
    assert lines[-2:] == ["algo-1 | line 199", "algo-1 | depth must be zero"]
    assert len(lines) < 200


class TestAJobThatDiffersFromRunToRun:
    @pytest.mark.slow
    def test_is_nondeterministic(self, compare):
        report = compare(SCRIPT + "\n    print('accuracy=0.%015d' % int.from_bytes(os.urandom(6), 'big'))")

        assert {(each.kind, each.aspect, each.where) for each in failing(report)} == {
            (Kind.NONDETERMINISTIC, Aspect.METRICS, "accuracy")
        }

    @pytest.mark.slow
    def test_agrees_if_the_configuration_accepts_it_with_a_reason(self, compare):
        accepted = '{ aspect = "output-archive", where = "stamp*", reason = "a stamp" }'

        script = WRITES + "open(os.environ['SM_OUTPUT_DATA_DIR'] + '/stamp', 'w').write(os.urandom(9).hex())"
        report = compare(script, more=f"parity.accept = [{accepted}]")

        assert report.agrees
        assert [each.accepted for each in report.judged.findings if each.kind is Kind.ACCEPTED] == ["a stamp"]


@pytest.mark.slow
def test_what_a_job_keeps_for_its_next_run_is_not_what_its_second_run_begins_with(compare):
    script = WRITES + (
        "print('accuracy=0.%d' % len(os.listdir('/opt/ml/checkpoints')))\n"
        "open('/opt/ml/checkpoints/' + os.environ['SAGEMAKER_JOB_NAME'], 'w')\n"
    )

    report = compare(script, more='checkpoint_s3_uri = "s3://mine/checkpoints"')

    assert report.agrees, failing(report)


@pytest.mark.slow
def test_a_job_of_the_user_s_own_image_agrees_though_nobody_knows_what_that_sets(compare):
    report = compare(WRITES, more='image_uri = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/ours/train:1"')

    assert report.agrees, failing(report)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)"], ids=["completes", "fails"])
def test_the_job_s_own_name_in_what_it_leaves_is_no_difference(compare, ending):
    script = WRITES + (
        "name = os.environ['SAGEMAKER_JOB_NAME']\n"
        "open(os.environ['SM_OUTPUT_DATA_DIR'] + '/run.json', 'w').write('{\"job\": \"%s\"}' % name)\n"
        "open('/opt/ml/output/failure', 'w').write(name + ' has failed')\n"
    )

    report = compare(script + ending)

    assert report.agrees, failing(report)
    assert by_name(report)["local"].visit.trial.outcome.status == ("Failed" if ending else "Completed")


@pytest.mark.slow
def test_an_acceptance_that_nothing_needs_is_a_finding(compare):
    report = compare(WRITES, more='parity.accept = [{ aspect = "metrics", where = "loss", reason = "noise" }]')

    (found,) = failing(report)
    assert (found.kind, found.aspect, found.where) == (Kind.STALE_ACCEPTANCE, Aspect.METRICS, "loss")


def test_an_acceptance_of_an_aspect_that_there_is_not_is_refused(compare):
    with pytest.raises(ConfigurationError, match=r"'metric'.*metrics"):
        compare(WRITES, more='parity.accept = [{ aspect = "metric", reason = "noise" }]')


@pytest.mark.slow
def test_a_variable_of_the_caller_that_reaches_the_script_is_a_finding(compare, monkeypatch):
    monkeypatch.setenv("LEAKED", "value")

    (found,) = failing(compare(WRITES, more='pass_environment = ["LEAKED"]'))

    assert (found.aspect, found.where, found.expected, found.seen) == (Aspect.ENVIRONMENT, "LEAKED", None, "value")


@pytest.mark.slow
def test_without_a_private_opt_ml_every_path_is_known_to_be_another_one(compare):
    report = compare(WRITES, more='isolation = "none"')

    assert report.agrees, failing(report)
    where = {each.where: each for each in report.judged.findings}
    assert "run folder" in where["SM_MODEL_DIR"].why
    assert where["/opt/ml"].expected == "/opt/ml"
    assert where["cwd"].kind is Kind.KNOWN


@pytest.mark.slow
def test_a_job_of_several_hosts_is_compared_on_each_of_them(compare):
    script = "import os; open(os.environ['SM_MODEL_DIR'] + '/' + os.environ['SM_CURRENT_HOST'], 'w')"

    report = compare(script, more="instance_count = 2")

    assert report.agrees, failing(report)
    assert set(by_name(report)["local"].visit.shown.facts) == {"algo-1", "algo-2"}


@pytest.mark.slow
class TestAnEntryPoint:
    def test_may_be_a_shell_script(self, compare):
        report = compare("#!/bin/sh\necho m > $SM_MODEL_DIR/model.txt\n", entry_point="train.sh")

        assert report.agrees, failing(report)

    def test_may_lie_in_a_folder_of_the_source(self, compare):
        report = compare(WRITES, entry_point="deep/train.py")

        assert report.agrees, failing(report)


class TestBadInput:
    @pytest.mark.slow
    def test_a_script_with_a_syntax_error_fails_on_every_target_alike(self, compare):
        report = compare("def broken(:\n")

        assert report.agrees
        assert by_name(report)["local"].visit.trial.outcome.status == "Failed"

    @pytest.mark.slow
    def test_a_script_that_never_ends_is_stopped_at_its_deadline(self, compare):
        report = compare("import time\nwhile True: time.sleep(1)", more="stop_grace = 0\nparity.deadline = 1")

        assert by_name(report)["local"].visit.trial.outcome.status == "Stopped"

    @pytest.mark.slow
    def test_a_source_tree_with_more_files_than_are_told_agrees_all_the_same(self, compare):
        many = {f"src/part-{number % 7}/{number}.txt": "" for number in range(2100)}

        report = compare(WRITES, files=many)

        assert report.agrees, failing(report)[:3]

    def test_a_channel_that_is_not_there_is_a_wrong_configuration(self, compare):
        with pytest.raises(ConfigurationError, match="nowhere"):
            compare(WRITES, more='channels.more = "nowhere"')

    def test_a_target_that_there_is_not_is_named(self):
        with pytest.raises(UsageError, match="'dockr'"):
            run.targets(["local", "dockr"])


@pytest.fixture
def as_container(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let ``container`` be plain processes too, but in one thing different."""

    def plant(wrap: Callable[[LocalTarget], Target] = lambda target: target, **changes: Any) -> None:
        def opened(config: Config) -> Target:
            if config.on == "container":
                return wrap(open_target(replace(config, **changes)))
            return open_target(config)

        monkeypatch.setattr(trial, "open_target", opened)

    return plant


@pytest.mark.slow
class TestAnotherTarget:
    def test_that_does_the_same_agrees(self, compare, as_container):
        as_container()

        # Only what a container may not have of this machine's is left to be found.
        report = compare(WRITES, targets=("local", "container"))

        assert {each.aspect for each in failing(report)} <= {Aspect.ENVIRONMENT, Aspect.VERSIONS}
        assert {each.target for each in failing(report)} <= {"container"}

    def test_with_another_region_is_found_out_and_so_is_all_that_the_script_makes_of_it(self, compare, as_container):
        script = WRITES + (
            "print('accuracy=0.5' if os.environ['AWS_REGION'] == 'eu-west-1' else 'accuracy=0.25')\n"
            "if os.environ['AWS_REGION'] == 'eu-west-1':\n"
            "    open(os.environ['SM_OUTPUT_DATA_DIR'] + '/more', 'w').write('x')\n"
        )
        as_container(region="eu-west-1")

        found = {(each.aspect, each.where): each for each in failing(compare(script, targets=("local", "container")))}

        region = found[Aspect.ENVIRONMENT, "AWS_REGION"]
        assert (region.expected, region.seen) == ("eu-west-1", "us-east-1")
        assert {(Aspect.METRICS, "accuracy"), (Aspect.OUTPUT_ARCHIVE, "more")} <= set(found)

    def test_that_dies_half_way_is_a_finding_and_the_others_stand(self, compare, as_container):
        script = WRITES + "import time\nif os.environ['AWS_REGION'] == 'eu-west-1': time.sleep(600)\n"
        as_container(_Dying, region="eu-west-1")

        report = compare(script, targets=("local", "container"))

        runs = by_name(report)
        assert (runs["local"].state, runs["container"].state) == ("ran", "broke")
        assert ("container", Aspect.OUTCOME, "target") in {(f.target, f.aspect, f.where) for f in failing(report)}
        assert {each.target for each in failing(report)} == {"container"}
        assert report.judged.compared["local", Aspect.ENVIRONMENT]


class _Dying(LocalTarget):
    """Its jobs lose the process that runs them."""

    def __init__(self, target: LocalTarget) -> None:
        super().__init__(target.client)

    def follow(self, kind: str, name: str) -> Iterator[Event]:
        owner = self.client.jobs.store.job(name).owner()
        if owner is not None:
            os.kill(owner, signal.SIGKILL)
        yield from super().follow(kind, name)


class TestATargetThatCannotRunHere:
    @pytest.fixture(autouse=True)
    def _no_engine(self, as_container: Callable[..., None]) -> None:
        def lacks(target: LocalTarget) -> Target:
            raise MissingCapability("there is no Docker engine")

        as_container(lacks)

    @pytest.mark.slow
    def test_is_a_row_with_its_reason(self, compare):
        report = compare(WRITES, targets=("local", "container"), asked=False)

        assert by_name(report)["container"].state == "unavailable"
        assert "Docker" in by_name(report)["container"].error.message
        assert report.agrees

    @pytest.mark.slow
    def test_is_an_error_if_it_was_asked_for(self, compare):
        with pytest.raises(MissingCapability, match="Docker"):
            compare(WRITES, targets=("local", "container"))


@pytest.mark.slow
def test_a_models_server_that_says_otherwise_than_the_model_is_a_finding(tmp_path):
    adds = "def output_fn(prediction, accept):\n    return json.dumps([float(each) + 1 for each in prediction]), accept"

    report = run.run(make_job(tmp_path, f"{adds}\n{SCRIPT}"), ("local",), asked=True, check=consistency.check)

    assert {each.aspect for each in failing(report)} == {Aspect.CONSISTENCY}


@pytest.mark.slow
def test_nothing_is_left_and_nothing_is_written_into_the_project(compare, tmp_path):
    compare(WRITES)

    names = {path.relative_to(tmp_path / "project").as_posix() for path in (tmp_path / "project").rglob("*")}
    assert {name for name in names if not name.startswith(".harness")} == {
        *("data", "data/train", "data/train/rows.bin", "src", "src/train.py", "harness.toml")
    }
