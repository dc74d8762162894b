"""Names of groups and streams, and how log files become events."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.engine.store import Store, now
from harness.standin.logs import Follower, streams
from harness.standin.metrics import Metric, finder

STARTED = 1_795_460_222_345


@pytest.mark.parametrize(
    ("description", "group", "stream"),
    [
        (
            {"TrainingJobName": "j", "TrainingJobStatus": "InProgress"},
            "/aws/sagemaker/TrainingJobs",
            "j/algo-1-1795460222",
        ),
        (
            {"ProcessingJobName": "j", "ProcessingJobStatus": "InProgress"},
            "/aws/sagemaker/ProcessingJobs",
            "j/algo-1-1795460222",
        ),
        (
            {"TransformJobName": "j", "TransformJobStatus": "InProgress"},
            "/aws/sagemaker/TransformJobs",
            f"j/i-{STARTED:017x}-1795460222",
        ),
        (
            {"EndpointName": "e", "EndpointStatus": "Creating", "ProductionVariants": [{"VariantName": "blue"}]},
            "/aws/sagemaker/Endpoints/e",
            f"blue/i-{STARTED:017x}",
        ),
    ],
)
def test_groups_and_streams_have_the_names_that_aws_gives_them(description, group, stream):
    found, named = streams(description, STARTED)
    assert (found, named("algo-1")) == (group, stream)


class Kept:
    def __init__(self):
        self.messages = defaultdict(list)

    def put(self, region, group, stream, events):
        self.messages[stream.rpartition("-")[0].partition("/")[2]] += [event.message for event in events]

    def measure(self, region, job, metrics, timestamp):
        """Nothing: these jobs have no definitions."""


def test_metrics_are_found_line_by_line_by_their_definitions():
    definitions = [{"Name": "loss", "Regex": r"loss=(\S+)"}, {"Name": "odd", "Regex": "loss"}]
    find = finder({"AlgorithmSpecification": {"MetricDefinitions": definitions}})
    found = find(["loss=1.5 loss=1e-3", "nothing", "loss=nan", "loss=much"])
    assert list(found) == [Metric("loss", 1.5), Metric("loss", 0.001)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(
    lines=st.lists(
        st.tuples(st.sampled_from(["algo-1", "algo-2"]), st.text(st.characters(exclude_characters="\n"), max_size=20)),
        max_size=20,
    ),
    cuts=st.lists(st.integers(0, 500), max_size=5),
)
def test_every_line_becomes_one_event_of_its_host_however_the_file_grows(tmp_path_factory, lines, cuts):
    store = Store(tmp_path_factory.mktemp("runs"))
    moment = {"CreationTime": now(), "TrainingJobStatus": "InProgress"}
    job, lock = store.create("job", "CreateTrainingJob", {}, {"TrainingJobName": "job", **moment})
    kept = Kept()
    follower = Follower(kept, lambda job: None)
    follower.follow(job, "us-east-1")
    whole = "".join(f"{host} | {text}\n" for host, text in lines).encode("utf-8", "surrogatepass")
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    with job.log.open("ab", buffering=0) as log:
        for begin, end in pairwise(edges):
            log.write(whole[begin:end])
            follower.catch_up(job)
    follower.close()
    store.discard(job, lock)
    expected = defaultdict(list)
    for host, text in lines:
        expected[host].append(text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"))
    assert kept.messages == expected
