"""Training against serving: real models, really served on this machine, and what each surprise is called."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from harness import config, submission
from harness.parity.asking import STRATEGIES, Endpoint
from harness.parity.bodies import TYPES
from harness.parity.consistency import Handlers, Judge, check, handlers
from harness.parity.findings import Aspect, Kind
from harness.parity.judging import Served
from harness.parity.outcomes import Answer
from harness.parity.predicting import Predicting
from harness.parity.rows import Bodies, Rows
from harness.parity.trial import Bench
from harness.targets.localmode import refusals
from tests.docker_engine import client_or_skip, image_or_skip

THRESHOLD = """
import json, os
from pathlib import Path

class Threshold:
    def __init__(self, at):
        self.at = at
    def predict(self, rows):
        if rows.ndim != 2:
            raise ValueError("Expected 2D array, got 1D array instead")
        return (rows[:, 0] > self.at).astype(float)

def model_fn(model_dir):
    return Threshold(json.loads((Path(model_dir) / "model.json").read_text())["at"])

if __name__ == "__main__":
    Path(os.environ["SM_MODEL_DIR"], "model.json").write_text(json.dumps({"at": float(os.environ["SM_HP_AT"])}))
"""
READS_ITSELF = """
import numpy
def input_fn(data, content_type):
    if content_type != "text/csv":
        raise ValueError(content_type)
    return numpy.loadtxt(data.splitlines(), delimiter=",", ndmin=2)
"""
TRAINED_OTHERWISE = """
def predict_fn(rows, model):
    return model.predict(rows) + (10 if "SAGEMAKER_PROGRAM" in os.environ else 0)
"""
OTHERWISE_IN_BATCHES = """
def predict_fn(rows, model):
    return model.predict(rows) + (10 if os.environ.get("SAGEMAKER_BATCH") == "true" else 0)
"""
OTHERWISE_BY_A_VARIABLE = """
def predict_fn(rows, model):
    return model.predict(rows) + float(os.environ.get("SHIFT", "0"))
"""
NOT_SERVED = """
if "SAGEMAKER_PROGRAM" in os.environ:
    def model_fn(model_dir):
        raise OSError("no licence for serving")
"""
NEVER_THE_SAME = """
calls = []
def predict_fn(rows, model):
    calls.append(rows)
    return model.predict(rows) + len(calls)
"""
LOADS_NOTHING = """
def model_fn(model_dir):
    import no_such_module
"""
ROWS = (("0.5", "1"), ("16777217", "1"), ("1e9", "1"))
"""The second one is no 32-bit float: 2**24 + 1."""


@dataclass(frozen=True)
class Checked:
    """A model's own predictions, and what came of serving it."""

    expected: Sequence[Any] | None
    served: Served

    def findings(self) -> dict[str, str]:
        return {each.where: str(each.kind) for each in self.served.findings}


def serve(folder: Path, script: str, *, at: float, bodies: Bodies | None = None, **flags: Any) -> Checked:
    """Train a threshold on this machine, ask the model itself, then its servers, there or where ``flags`` say.

    With ``bodies`` its servers alone are asked.
    """
    made, place, elsewhere = folder / "project", folder / "place", folder / "elsewhere"
    (made / "src").mkdir(parents=True)
    place.mkdir()
    elsewhere.mkdir()
    (made / "src" / "train.py").write_text(THRESHOLD + script)
    (made / "harness.toml").write_text(
        f'entry_point = "train.py"\nsource_dir = "src"\nhyperparameters = {{ at = {at!r} }}\n'
    )
    here, there = (
        config.load(config_file=made / "harness.toml", flags=each, environ={}) for each in ({"on": "local"}, flags)
    )
    with closing(Bench(here, place, 60)) as bench, closing(Bench(there, elsewhere, 60)) as other:
        trained = bench.finish(bench.submit("threshold"))
        assert trained.model_data is not None, trained.description
        if bodies is not None:
            return Checked([], check(other, trained.model_data, "parity-serve", bodies, 1e-6))
        models = {"train": trained.folder / "model"}
        asking = Predicting(sys.executable, made / "src", "train.py", models, Rows(ROWS, "a test"), deadline=60)
        with closing(asking) as predicting:
            served = check(other, trained.model_data, "parity-serve", predicting, 1e-6)
            expected = predicting.result().models["train"].values
        assert "parity-serve" not in str(other.target.client.list_endpoints()["Endpoints"])
    return Checked(expected, served)


@pytest.fixture(scope="module")
def far(tmp_path_factory) -> Checked:
    """A threshold that no rounding reaches."""
    return serve(tmp_path_factory.mktemp("far"), "", at=100.0)


@pytest.fixture(scope="module")
def near(tmp_path_factory) -> Checked:
    """A threshold between a number and what it is rounded to."""
    return serve(tmp_path_factory.mktemp("near"), "", at=16777216.5)


@pytest.mark.slow
class TestAModelWithAwsHandlers:
    def test_is_asked_in_every_type_and_accept_and_by_every_strategy(self, far):
        assert {f"{one} -> {other}" for one in TYPES for other in TYPES} < set(far.served.endpoint)
        assert set(far.served.transform) == set(STRATEGIES)
        assert far.served.compared == 9 + 3 + 3

    def test_says_what_the_model_itself_says(self, far):
        whole = {where: answer for where, answer in far.served.endpoint.items() if "one row" not in where}
        assert far.expected == [0.0, 1.0, 1.0]
        assert all(answer.values == far.expected for answer in whole.values())
        assert far.served.transform["MultiRecord"].values == far.expected

    def test_trips_over_one_row_of_csv_and_that_is_known(self, far):
        assert far.findings() == {"text/csv, one row": "known", "transform, SingleRecord": "known"}

    def test_explains_what_one_row_breaks_and_what_to_do(self, far):
        finding = far.served.findings[0]
        assert finding.seen.startswith("500")
        assert "one-dimensional" in finding.why
        assert "single row" in finding.breaks
        assert "numpy.loadtxt" in finding.remedy

    def test_is_timed(self, far):
        assert set(far.served.seconds) == {"endpoint", "transform"}
        assert all(value > 0 for value in far.served.seconds.values())


@pytest.mark.slow
class TestAModelNearAThreshold:
    def test_answers_otherwise_where_text_is_rounded_to_32_bits(self, near):
        assert near.expected == [0.0, 1.0, 1.0]
        assert near.served.endpoint["text/csv -> application/json"].values == [0.0, 0.0, 1.0]
        assert near.served.endpoint["application/x-npy -> application/json"].values == near.expected

    def test_has_each_rounded_type_as_one_known_finding(self, near):
        found = {where for where, kind in near.findings().items() if kind == "known"}
        assert found == {
            *("text/csv", "application/json", "transform, None", "transform, MultiRecord"),
            *("text/csv, one row", "transform, SingleRecord"),
        }
        assert len(near.findings()) == len(near.served.findings) == len(found)

    def test_names_the_row_and_both_values(self, near):
        (finding,) = [each for each in near.served.findings if each.where == "text/csv"]
        assert (finding.expected, finding.seen) == ("row 2: 1.0", "row 2: 0.0")


@pytest.mark.slow
class TestAScriptWithHandlersOfItsOwn:
    def test_has_nothing_to_tell_if_it_reads_rows_as_training_does(self, tmp_path):
        made = serve(tmp_path, READS_ITSELF, at=16777216.5)
        assert made.findings() == {}
        assert made.served.endpoint["text/csv, one row -> application/json"].values == [0.0]
        assert made.served.endpoint["application/json -> application/json"].status == 500

    def test_that_predicts_otherwise_when_served_is_unexplained(self, tmp_path):
        made = serve(tmp_path, TRAINED_OTHERWISE, at=100.0)
        unexplained = {where for where, kind in made.findings().items() if kind == "unexplained"}
        assert "application/x-npy -> application/json" in unexplained
        assert "transform, MultiRecord" in unexplained

    @pytest.mark.parametrize(
        ("script", "configured"),
        [(OTHERWISE_IN_BATCHES, {}), (OTHERWISE_BY_A_VARIABLE, {"environment": {"SHIFT": "10"}})],
        ids=["SAGEMAKER_BATCH", "transform.environment"],
    )
    def test_that_predicts_otherwise_in_batches_is_unexplained(self, tmp_path, script, configured):
        made = serve(tmp_path, script, at=100.0, transform=configured)
        unexplained = [each for each in made.served.findings if each.kind is Kind.UNEXPLAINED]
        assert {each.where for each in unexplained} == {"transform, None", "transform, MultiRecord"}
        assert made.served.transform["MultiRecord"].values == [10.0, 11.0, 11.0]
        assert all("SAGEMAKER_BATCH" in str(each.remedy) for each in unexplained)

    def test_that_cannot_be_served_says_why(self, tmp_path):
        made = serve(tmp_path, NOT_SERVED, at=100.0)
        (finding,) = made.served.findings
        assert (finding.where, finding.kind) == ("endpoint", Kind.UNEXPLAINED)
        reason, *log = finding.seen.splitlines()
        assert "no licence for serving" in reason
        assert any("no licence for serving" in line for line in log), "it goes with the endpoint"

    def test_that_cannot_be_served_says_so_too_where_nobody_could_ask_the_model_itself(self, tmp_path):
        made = serve(tmp_path, LOADS_NOTHING, at=100.0)
        (finding,) = made.served.findings
        assert (made.expected, finding.where, finding.kind) == (None, "endpoint", Kind.UNEXPLAINED)
        assert "no_such_module" in finding.seen

    def test_that_never_says_the_same_again_is_no_server_s_fault(self, tmp_path):
        made = serve(tmp_path, NEVER_THE_SAME, at=100.0)
        (finding,) = made.served.findings
        assert (finding.where, finding.kind) == ("the same rows again", Kind.NONDETERMINISTIC)
        assert (finding.expected, finding.seen) == ("row 1: 1.0", "row 1: 2.0 (3 of 3 rows differ)")
        assert set(made.served.uncompared) == {Aspect.ENDPOINT, Aspect.TRANSFORM}


JSON_ONLY = """
def input_fn(data, content_type):
    if content_type != "application/json":
        raise ValueError(content_type)
    import numpy
    return numpy.array(json.loads(data)["instances"], dtype=float)

def output_fn(prediction, accept):
    return json.dumps({"predictions": prediction.tolist(), "by": "threshold"}), accept
"""


@pytest.mark.slow
class TestAModelThatTakesNoCsv:
    """It is sent bodies as they are, and nobody knows what it ought to say."""

    def sent(self, folder: Path, *contents: bytes, content_type: str = "application/json") -> Served:
        return serve(folder, JSON_ONLY, at=1.0, bodies=Bodies(contents, content_type)).served

    def test_answers_each_at_the_endpoint_and_is_compared_in_nothing_else(self, tmp_path):
        made = self.sent(tmp_path, b'{"instances": [[0, 1], [2, 1]]}', b'{"instances": [[3, 1]]}')

        assert {where: answer.values for where, answer in made.endpoint.items()} == {
            "application/json, body 1": [{"predictions": [0.0, 1.0], "by": "threshold"}],
            "application/json, body 2": [{"predictions": [1.0], "by": "threshold"}],
        }
        assert (made.findings, made.compared, made.held_by, made.transform) == ((), 2, Aspect.ENDPOINT, {})
        assert set(made.uncompared) == {Aspect.MODEL_PREDICTIONS, Aspect.TRANSFORM, Aspect.CONSISTENCY}

    def test_has_to_answer_them(self, tmp_path):
        (finding,) = self.sent(tmp_path, b'{"instances": [[0, 1]]}', b'{"rows": []}').findings

        assert (finding.aspect, finding.where) == (Aspect.ENDPOINT, "application/json, body 2")
        assert finding.seen.startswith("500")
        assert "harness invoke --content-type application/json" in finding.remedy


@pytest.mark.slow
def test_elsewhere_than_on_this_machine_every_strategy_is_a_job_of_its_own(tmp_path, standin, monkeypatch):
    for name, value in standin.env.items():
        monkeypatch.setenv(name, value)
    made = serve(tmp_path, "", at=100.0, on="remote", role=standin.role, region=standin.environment["AWS_REGION"])
    assert made.findings() == {"text/csv, one row": "known", "transform, SingleRecord": "known"}
    assert made.served.transform["MultiRecord"].values == made.expected
    jobs = standin.client("sagemaker").list_transform_jobs(NameContains="parity-serve")["TransformJobSummaries"]
    assert {each["TransformJobName"]: each["TransformJobStatus"] for each in jobs} == {
        "parity-serve-n": "Completed",
        "parity-serve-s": "Failed",
        "parity-serve-m": "Completed",
    }


def test_local_mode_of_the_sdk_is_given_every_strategy_as_a_job_though_its_endpoint_is_here(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text("")
    (tmp_path / "harness.toml").write_text('entry_point = "train.py"\n')
    flags = {"on": "localmode", "transform": {"invocations_timeout": 60, "max_concurrent_transforms": 4}}
    made = config.load(config_file=tmp_path / "harness.toml", flags=flags, environ={})
    sent: list[str] = []

    def submit(job: submission.Submission, *_: Any) -> dict[str, str]:
        assert not list(refusals.transform(job.request, is_v2=True))
        sent.append(job.request["TransformJobName"])
        return {"TransformJobName": sent[-1], "TransformJobStatus": "Failed", "FailureReason": "AlgorithmError"}

    monkeypatch.setattr(submission, "submit", submit)
    served = Endpoint(Mock(name="localmode"), made, "parity-serve", "file:///model.tar.gz", "http://127.0.0.1:9")
    answers = dict(served.transformed(Rows(ROWS, "a test"), [0.0, 1.0, 1.0], tmp_path / "place"))
    assert sent == ["parity-serve-n", "parity-serve-s", "parity-serve-m"]
    assert {each.text for each in answers.values()} == {"AlgorithmError"}


@pytest.mark.slow
@pytest.mark.docker
def test_the_image_says_the_same_as_plain_processes(tmp_path):
    image_or_skip(client_or_skip())
    made = serve(tmp_path, "", at=100.0, on="container")
    assert made.findings() == {"text/csv, one row": "known", "transform, SingleRecord": "known"}
    assert made.served.transform["MultiRecord"].values == made.expected


EXACT = "application/x-npy -> application/json"
GOOD = Answer(200, [0.0, 1.0, 1.0], "[0.0, 1.0, 1.0]")
REFUSED = Answer(500, None, "Internal Server Error")
DEFAULT, OWN = Handlers(frozenset({"model_fn"})), Handlers(frozenset({"input_fn", "output_fn"}))


def judged(
    answers: dict[str, Answer], these: Handlers = DEFAULT, rows: Rows | None = None
) -> Iterator[tuple[str, str]]:
    judge = Judge("local", these, rows or Rows(ROWS, "a test"), [0.0, 1.0, 1.0], 1e-6, [0.0, 0.0, 1.0])
    endpoint = {where: each for where, each in {EXACT: GOOD, **answers}.items() if "->" in where}
    transform = {where: each for where, each in answers.items() if "->" not in where}
    return ((each.where, str(each.kind)) for each in judge.findings(endpoint, transform))


class TestTheJudgement:
    @pytest.mark.parametrize(
        ("where", "answer", "own", "found"),
        [
            ("text/csv -> text/csv", GOOD, False, []),
            ("text/csv -> text/csv", replace(GOOD, values=[0.0, 1.0, 1.0 + 1e-9]), False, []),
            ("text/csv -> text/csv", replace(GOOD, values=[0.0, 0.0, 1.0]), False, [("text/csv", "known")]),
            ("text/csv -> text/csv", replace(GOOD, values=[1.0, 0.0, 1.0]), False, ["unexplained"]),
            ("text/csv -> text/csv", replace(GOOD, values=[0.0, 0.0, 1.0]), True, ["unexplained"]),
            ("application/x-npy -> text/csv", replace(GOOD, values=[0.0, 0.0, 1.0]), False, ["unexplained"]),
            ("text/csv -> text/csv", replace(GOOD, values=[0.0, 1.0]), False, ["unexplained"]),
            ("text/csv -> text/csv", replace(GOOD, values=None), False, []),
            ("text/csv -> text/csv", REFUSED, False, ["unexplained"]),
            ("text/csv, one row -> application/json", REFUSED, False, [("text/csv, one row", "known")]),
            ("text/csv, one row -> application/json", REFUSED, True, []),
            ("application/json, one row -> application/json", REFUSED, False, ["unexplained"]),
            ("SingleRecord", REFUSED, False, [("transform, SingleRecord", "known")]),
            ("MultiRecord", REFUSED, False, [("transform, MultiRecord", "unexplained")]),
        ],
        ids=str,
    )
    def test_of_one_answer(self, where, answer, own, found):
        expected = [each if isinstance(each, tuple) else (where, each) for each in found]
        assert list(judged({where: answer}, OWN if own else DEFAULT)) == expected

    def test_lets_a_script_of_its_own_refuse_types_as_long_as_it_takes_one(self):
        answers = {"text/csv -> application/json": GOOD, "application/json -> application/json": REFUSED}
        assert list(judged(answers, OWN)) == []

    def test_blames_no_rounding_where_64_bits_fare_no_better(self):
        wrong = replace(GOOD, values=[0.0, 0.0, 1.0])
        found = list(judged({EXACT: wrong, "text/csv -> application/json": wrong}))
        assert found == [(EXACT, "unexplained"), ("text/csv -> application/json", "unexplained")]

    def test_tells_alike_of_targets_whose_models_differ_by_rounding_alone(self):
        def said(value):
            judge = Judge("local", DEFAULT, Rows(ROWS, "a test"), [value, 1.0, 1.0], 1e-6, None)
            return list(judge.findings({EXACT: replace(GOOD, values=[0.0, 1.0, 1.0])}, {}))

        assert said(31.333333333333476) == said(31.333333333333479) != []

    def test_wants_one_row_to_be_taken_wherever_many_are(self):
        answers = {"text/csv -> application/json": GOOD, "text/csv, one row -> application/json": REFUSED}
        assert list(judged(answers, OWN)) == [("text/csv, one row -> application/json", "unexplained")]

    def test_does_not_let_it_refuse_in_batches_what_it_answers_at_the_endpoint(self):
        everything = Handlers(frozenset({"input_fn", "output_fn"}))
        for own in (OWN, everything):
            assert list(judged({"text/csv -> text/csv": GOOD, "MultiRecord": REFUSED}, own)) == [
                ("transform, MultiRecord", "unexplained")
            ]
            assert list(judged({"text/csv -> application/json": GOOD, "MultiRecord": REFUSED}, own)) == []

    def test_takes_what_a_script_makes_of_its_predictions_for_its_own_affair(self):
        names = replace(GOOD, values=["low", "high", "high"])
        records = replace(GOOD, values=[{"score": each} for each in (0.0, 1.0, 1.0)])
        for answer in (names, records):
            assert list(judged({"text/csv -> application/json": answer}, Handlers(frozenset({"output_fn"})))) == []
            assert list(judged({"text/csv -> application/json": answer})) == [
                ("text/csv -> application/json", "unexplained")
            ]

    def test_knows_that_a_dictionary_has_no_csv(self):
        in_a_dictionary = replace(GOOD, text='{"predictions": [0.0, 1.0, 1.0]}')
        answers = {EXACT: in_a_dictionary, "application/x-npy -> text/csv": REFUSED, "MultiRecord": REFUSED}
        assert list(judged(answers)) == [("-> text/csv", "known")]

    def test_does_not_let_it_refuse_them_all(self):
        answers = {f"{each} -> application/json": REFUSED for each in TYPES}
        assert {kind for _, kind in judged(answers, OWN)} == {"unexplained"}

    def test_knows_that_a_single_column_is_flat_as_well(self):
        rows = Rows((("1",), ("2",), ("3",)), "a test")
        assert list(judged({"text/csv -> text/csv": REFUSED}, rows=rows)) == [("text/csv", "known")]


@pytest.mark.parametrize(
    ("script", "names"),
    [
        ("def model_fn(d): ...", {"model_fn"}),
        ("from common import input_fn, write as output_fn", {"input_fn", "output_fn"}),
        ("transform_fn = lambda *a: None", {"transform_fn"}),
        ("def f():\n    def input_fn(): ...", {"f"}),
        ("def broken(:", set()),
    ],
)
def test_handlers_are_read_without_running_the_script(tmp_path, script, names):
    (tmp_path / "serve.py").write_text(script)
    made = config.Config(entry_point="serve.py", source_dir=tmp_path)
    assert handlers(made).names == names
