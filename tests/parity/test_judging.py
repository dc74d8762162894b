"""Divergences are planted one by one into what a real probe and a real job have shown: each is found, and told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from harness.parity.findings import Aspect, Finding, Kind
from harness.parity.judging import Judged, Served, Shown, cells, judge
from harness.parity.outcomes import Answer, File, Outcome, Predictions
from harness.parity.run import Report

Facts = dict[str, dict[str, str]]


@pytest.fixture
def shown(clean: Report) -> Shown:
    """What the target ``local`` has really shown."""
    return clean.targets[0].visit.shown


def judged(*shown: Shown) -> Judged:
    return judge(shown, (), 1e-6)


def failing(result: Judged) -> list[Finding]:
    return [finding for finding in result.findings if finding.kind.fails]


def replanted(shown: Shown, plant: Callable[[Facts], Any]) -> Shown:
    """The same, but with something else seen on the one host."""
    (host,) = shown.facts
    facts = {aspect: dict(places) for aspect, places in shown.facts[host].items()}
    plant(facts)
    return replace(shown, facts={host: facts})


def test_a_real_run_of_a_job_differs_in_nothing_that_is_not_known(shown):
    assert not failing(judged(shown))


def test_a_real_run_is_compared_in_every_aspect_that_a_probe_can_see(shown):
    compared = judged(shown).compared

    assert all(compared["local", aspect] for aspect in list(Aspect)[: list(Aspect).index(Aspect.OUTCOME)])


SEEN: list[tuple[Aspect, str, str | None]] = [
    (Aspect.ENVIRONMENT, "SM_HP_DEPTH", "4"),
    (Aspect.ENVIRONMENT, "SM_CHANNEL_TRAIN", None),
    (Aspect.ENVIRONMENT, "SM_MODEL_DIR", "/tmp/model"),
    (Aspect.ENVIRONMENT, "PYTHONPATH", "/opt/ml/code"),
    (Aspect.ENVIRONMENT, "LEAKED", "from the caller's shell"),
    (Aspect.ENVIRONMENT, "HOSTNAME", "a container's name, on a plain process"),
    (Aspect.ARGUMENTS, "sys.argv[2]", "4"),
    (Aspect.ARGUMENTS, "sys.argv[7]", "--more"),
    (Aspect.WORKING_DIRECTORY, "cwd", "/"),
    (Aspect.PYTHON_PATH, "sys.path[0]", "/somewhere"),
    (Aspect.OPT_ML_TREE, "input/data/train/rows.csv", "file, 3 bytes"),
    (Aspect.OPT_ML_TREE, "model", None),
    (Aspect.OPT_ML_TREE, "shared", "folder"),
    (Aspect.CONFIG_FILES, "hyperparameters.json: depth", "4"),
    (Aspect.CONFIG_FILES, "resourceconfig.json: instance_groups[0].hosts[0]", None),
    (Aspect.TERMINAL, "stdout", "a terminal"),
    (Aspect.SIGNALS, "SIGTERM", "ignored"),
    (Aspect.VERSIONS, "scikit-learn", "0.24.2"),
]


def test_what_the_reference_is_known_to_have_otherwise_is_not_the_fault_of_who_has_it_right(shown):
    """AWS promises nothing about stdin, and the SDK's local mode, which is nearer to AWS, gives it a terminal."""
    odd = replanted(shown, lambda facts: facts[Aspect.TERMINAL].update(stdin="a terminal"))
    odd = replace(odd, target="localmode", ran_by="localmode")
    result = judged(odd, shown)

    assert result.reference == "localmode"
    told = [each for each in result.findings if (each.aspect, each.where) == (Aspect.TERMINAL, "stdin")]
    assert [(each.target, each.kind, each.seen) for each in told] == [("localmode", Kind.KNOWN, "a terminal")]


class TestAProbeThatSeesOtherThanAwsPromises:
    @pytest.mark.parametrize(("aspect", "where", "seen"), SEEN, ids=[f"{a}-{w}" for a, w, _ in SEEN])
    def test_is_a_finding_that_names_the_place_and_both_values(self, shown, aspect, where, seen):
        def plant(facts: Facts) -> None:
            facts[aspect][where] = seen  # type: ignore[assignment]
            if seen is None:
                del facts[aspect][where]

        (found,) = failing(judged(replanted(shown, plant)))

        assert (found.aspect, found.where, found.seen, found.kind) == (aspect, where, seen, Kind.UNEXPLAINED)
        assert found.expected != seen

    def test_makes_its_cell_differ_and_no_other(self, shown):
        result = judged(replanted(shown, lambda facts: facts[Aspect.TERMINAL].update(stdout="a terminal")))

        states = {aspect: row["local"][0] for aspect, row in cells(result, ["local"]).items()}
        assert [aspect for aspect, state in states.items() if state == "differs"] == [Aspect.TERMINAL]

    def test_on_one_host_of_several_is_told_with_the_hosts_name(self, shown):
        (host,) = shown.facts
        facts = {
            "algo-1": shown.facts[host],
            "algo-2": {**shown.facts[host], Aspect.TERMINAL: {"stdout": "a terminal"}},
        }
        promises = dict.fromkeys(facts, shown.promises[host])

        found = failing(judged(replace(shown, facts=facts, promises=promises)))

        assert "algo-2: stdout" in [each.where for each in found]


PLANTED: list[tuple[Aspect, str, str]] = [
    (Aspect.UMASK, "umask", "077"),
    (Aspect.SIGNALS, "SIGHUP", "ignored"),
    (Aspect.TERMINAL, "stdin", "a terminal"),
    (Aspect.OPT_ML_TREE, "input/data/train (writable)", "perhaps"),
    (Aspect.ENVIRONMENT, "AWS_REGION", "eu-west-1"),
    (Aspect.USER, "gid", "4711"),
]


class TestWhatAwsDoesNotPromise:
    @pytest.mark.parametrize(("aspect", "where", "seen"), PLANTED, ids=[f"{a}-{w}" for a, w, _ in PLANTED])
    def test_is_held_against_the_target_that_is_nearest_to_aws(self, shown, aspect, where, seen):
        reference = replace(shown, target="container")
        other = replanted(shown, lambda facts: facts[aspect].update({where: seen}))

        (found,) = failing(judge([other, replace(reference, ran_by="container", facts=shown.facts)], (), 1e-6))[:1]

        assert (found.target, found.aspect, found.where, found.seen) == ("local", aspect, where, seen)
        assert found.expected == next(iter(shown.facts.values()))[aspect][where]

    @pytest.mark.parametrize(("aspect", "where", "seen"), PLANTED, ids=[f"{a}-{w}" for a, w, _ in PLANTED])
    def test_is_nothing_to_find_on_one_target_alone(self, shown, aspect, where, seen):
        assert not failing(judged(replanted(shown, lambda facts: facts[aspect].update({where: seen}))))


def outcome(**changes: Any) -> Outcome:
    files = {"model.joblib": File(10, "a" * 64), "info.json": File(9, "b" * 64, '{"n": 1}')}
    notes = {"notes.txt": File(14, "c" * 64, "rows 10000000, accuracy 0.75\n")}
    made = Outcome("Completed", 0, None, {"accuracy": 0.75}, model=files, output=notes)
    return replace(made, **changes)


SAME_ROWS = Predictions([1, 2, 3])
ANSWERED = Served(
    endpoint={"text/csv -> application/json": Answer(200, [1, 2, 3], "[1, 2, 3]")},
    transform={"SingleRecord": Answer(200, [1, 2, 3], "1\n2\n3\n")},
)


def target(name: str, **changes: Any) -> Shown:
    return Shown(name, name, **{"outcome": outcome(), "predictions": SAME_ROWS, "served": ANSWERED, **changes})


OUTCOMES: dict[str, tuple[Aspect, str, dict[str, Any]]] = {
    "status": (Aspect.OUTCOME, "TrainingJobStatus", {"outcome": outcome(status="Stopped")}),
    "exit code": (Aspect.OUTCOME, "ExitCode", {"outcome": outcome(exit_code=3)}),
    "reason": (Aspect.OUTCOME, "FailureReason", {"outcome": outcome(failure_reason="AlgorithmError: no")}),
    "metric": (Aspect.METRICS, "accuracy", {"outcome": outcome(metrics={"accuracy": 0.7501})}),
    "metric missing": (Aspect.METRICS, "accuracy", {"outcome": outcome(metrics={})}),
    "model file missing": (
        Aspect.MODEL_ARCHIVE,
        "info.json",
        {"outcome": outcome(model={"model.joblib": File(10, "a" * 64)})},
    ),
    "number in a model's file": (
        Aspect.MODEL_ARCHIVE,
        "info.json: n",
        {"outcome": outcome(model={**outcome().model, "info.json": File(9, "d" * 64, '{"n": 2}')})},
    ),
    "output": (
        Aspect.OUTPUT_ARCHIVE,
        "notes.txt: line 1",
        {"outcome": outcome(output={"notes.txt": File(14, "d" * 64, "rows 10000000, accuracy 0.76\n")})},
    ),
    "count that is near": (
        Aspect.OUTPUT_ARCHIVE,
        "notes.txt: line 1",
        {"outcome": outcome(output={"notes.txt": File(14, "d" * 64, "rows 10000001, accuracy 0.75\n")})},
    ),
    "predictions": (Aspect.MODEL_PREDICTIONS, "predictions", {"predictions": Predictions([1, 2, 4])}),
    "endpoint's values": (
        Aspect.ENDPOINT,
        "text/csv -> application/json",
        {"served": replace(ANSWERED, endpoint={"text/csv -> application/json": Answer(200, [1, 2, 4], "[1, 2, 4]")})},
    ),
    "endpoint's status": (
        Aspect.ENDPOINT,
        "text/csv -> application/json",
        {"served": replace(ANSWERED, endpoint={"text/csv -> application/json": Answer(500, None, "no")})},
    ),
    "transform": (
        Aspect.TRANSFORM,
        "SingleRecord",
        {"served": replace(ANSWERED, transform={"SingleRecord": Answer(200, [1, 2], "1\n2\n")})},
    ),
}


class TestAnOutcomeThatDiffersBetweenTargets:
    @pytest.mark.parametrize(("aspect", "where", "changes"), OUTCOMES.values(), ids=OUTCOMES)
    def test_is_a_finding_of_the_target_that_is_further_from_aws(self, aspect, where, changes):
        (found,) = judged(target("local", **changes), target("container")).findings

        assert (found.target, found.aspect, found.where, found.kind) == ("local", aspect, where, Kind.UNEXPLAINED)

    def test_leaves_the_target_that_the_others_are_held_against_as_it_is(self):
        result = judged(target("local", outcome=outcome(metrics={})), target("container"))

        row = cells(result, ["local", "container"])[Aspect.METRICS]
        assert (row["local"][0], row["container"][0], result.reference) == ("differs", "agrees", "container")

    def test_in_a_file_that_is_a_single_number_is_named_after_the_file(self):
        one, other = (outcome(output={"seed.txt": File(3, text, text)}) for text in ("0.3", "0.7"))

        (found,) = judged(target("local", outcome=one), target("container", outcome=other)).findings

        assert (found.where, found.expected, found.seen) == ("seed.txt", "0.7", "0.3")

    def test_is_none_within_the_tolerance(self):
        near = outcome(
            metrics={"accuracy": 0.75 + 1e-9},
            output={"notes.txt": File(1, "d" * 64, "rows 10000000, accuracy 0.7500000001\n")},
        )

        assert not judged(target("local", outcome=near), target("container")).findings

    def test_in_a_file_that_is_nested_deeper_than_anybody_reads_it_is_told_by_its_line(self):
        one, other = (outcome(output={"deep.json": File(9, text, text)}) for text in ("[" * 100_000, "[" * 90_000))

        (found,) = judged(target("local", outcome=one), target("container", outcome=other)).findings

        assert found.where == "deep.json: line 1"

    @pytest.mark.parametrize("number", [16_777_216, 10**400], ids=["a float's", "more than a float's"])
    def test_in_a_whole_number_is_one_however_near(self, number):
        found = judged(
            target("local", predictions=Predictions([number])),
            target("container", predictions=Predictions([number + 1])),
        )

        assert [each.aspect for each in found.findings] == [Aspect.MODEL_PREDICTIONS]

    def test_is_none_where_a_reason_names_a_file_and_only_runs_lie_elsewhere(self):
        one, other = (
            outcome(failure_reason=f"ClientError: 'x' (/tmp/{run}/runs/job-{run}/hosts/algo-1/model/x) is a FIFO")
            for run in ("a", "b")
        )

        assert not judged(target("local", outcome=one), target("container", outcome=other)).findings

    def test_is_none_where_only_the_bytes_of_a_pickle_differ_and_models_predict_the_same(self):
        pickled = outcome(model={**outcome().model, "model.joblib": File(11, "d" * 64)})

        assert not judged(target("local", outcome=pickled), target("container")).findings

    @pytest.mark.parametrize(
        ("name", "begins", "known"),
        [
            ("model.pkl.gz", b"\x1f\x8b", True),
            ("model", b"\x80\x05", True),
            ("model", b"\x80", False),
            ("m.gz", b"", False),
        ],
    )
    def test_knows_a_pickle_by_its_name_or_by_how_it_begins(self, name, begins, known):
        one, other = (outcome(model={name: File(9, digest * 64, begins=begins)}) for digest in "ab")

        assert (not judged(target("local", outcome=one), target("container", outcome=other)).findings) is known

    def test_is_one_where_the_bytes_of_a_pickle_differ_and_nobody_could_ask_the_models(self):
        pickled = outcome(model={**outcome().model, "model.joblib": File(11, "d" * 64)})
        shown = [target("local", outcome=pickled, predictions=None), target("container", predictions=None)]

        (found,) = judged(*shown).findings

        assert (found.aspect, found.where) == (Aspect.MODEL_ARCHIVE, "model.joblib")

    def test_in_predictions_is_not_told_once_more_for_each_answer_of_the_servers(self):
        other = Served({"text/csv -> application/json": Answer(200, [1, 2, 4], "[1, 2, 4]")})

        found = judged(target("local", predictions=Predictions([1, 2, 4]), served=other), target("container")).findings

        assert [each.aspect for each in found] == [Aspect.MODEL_PREDICTIONS]

    @pytest.mark.parametrize("unserved", ["local", "container"])
    def test_of_a_model_that_one_target_cannot_serve_is_one_and_not_one_for_each_answer(self, unserved):
        said = Finding(Aspect.CONSISTENCY, unserved, "endpoint", "in service", "No module named 'gunicorn'")
        nothing = Served(findings=(said,), compared=1, uncompared={Aspect.ENDPOINT: "it could not be served"})
        shown = [target(name, **({"served": nothing} if name == unserved else {})) for name in ("local", "container")]

        told = judged(*shown)

        assert told.findings == (said,)
        assert told.uncompared == {(unserved, Aspect.ENDPOINT): "it could not be served"}


class TestBodiesThatWereSentAsTheyAre:
    """Only another target knows what the answer ought to be."""

    def shown(self, target: str, score: float, status: int = 200) -> Shown:
        answer = Answer(status, [{"score": score}] if status == 200 else None, "text")
        served = Served({"application/json, body 1": answer}, compared=1, held_by=Aspect.ENDPOINT)
        pickled = {"model.joblib": File(1, target)}
        return Shown(target, target, outcome=Outcome("Completed", 0, None, {}, pickled, {}), served=served)

    def test_are_held_against_the_reference_within_the_tolerance(self):
        assert not failing(judged(self.shown("local", 1.0), self.shown("container", 1.0 + 1e-9)))

        (finding,) = failing(judged(self.shown("local", 1.0), self.shown("container", 2.0)))
        assert (finding.aspect, finding.target, finding.where) == (
            *(Aspect.ENDPOINT, "local"),
            "application/json, body 1",
        )

    def test_count_for_the_endpoint_on_one_target_too(self):
        assert judged(self.shown("local", 1.0)).compared["local", Aspect.ENDPOINT] == 1


class TestAJobThatDiffersFromRunToRun:
    def test_is_nondeterministic_and_no_targets_fault(self):
        local = target("local", again=outcome(metrics={"accuracy": 0.9}), predictions_again=SAME_ROWS)
        container = target("container", outcome=outcome(metrics={"accuracy": 0.6}))

        (found,) = judged(local, container).findings

        assert (found.kind, found.aspect, found.where) == (Kind.NONDETERMINISTIC, Aspect.METRICS, "accuracy")
        assert "no target's" in str(found.why)

    def test_in_its_predictions_is_nondeterministic_in_them(self):
        local = target("local", again=outcome(), predictions_again=Predictions([3, 2, 1]))

        assert [each.kind for each in judged(local).findings] == [Kind.NONDETERMINISTIC]

    def test_in_one_thing_is_still_compared_in_all_others(self):
        local = target("local", again=outcome(metrics={"accuracy": 0.9}))
        container = target("container", outcome=outcome(output={}))

        kinds = {each.where: each.kind for each in judged(local, container).findings}

        assert kinds == {"accuracy": Kind.NONDETERMINISTIC, "notes.txt": Kind.UNEXPLAINED}


def test_a_target_that_broke_is_a_finding_and_what_the_others_have_shown_stands():
    broke = replace(target("container", outcome=None, predictions=None, served=None), broke="the engine is gone")

    found = judged(target("local", again=outcome(metrics={})), broke).findings

    assert {(each.target, each.kind) for each in found} == {
        ("container", Kind.UNEXPLAINED),
        ("local", Kind.NONDETERMINISTIC),
    }


def test_a_stand_in_for_aws_is_explained_as_what_runs_its_jobs(shown):
    remote = replanted(replace(shown, target="remote"), lambda facts: facts[Aspect.ENVIRONMENT].update(HOME="/home/me"))

    found = {each.where: each.kind for each in judged(remote).findings}

    assert found["HOME"] is Kind.KNOWN
