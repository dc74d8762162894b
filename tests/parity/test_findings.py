"""Acceptances, and divergences that are known: both have to match what they speak of."""

from __future__ import annotations

import pytest

from harness.parity.divergences import TABLE, explained
from harness.parity.findings import Acceptance, Aspect, Finding, Kind, accept, agrees
from harness.targets import _MODULES

NOISE = Finding(Aspect.METRICS, "container", "test:loss", "0.5", "0.6")


class TestAnAcceptance:
    @pytest.mark.parametrize(
        "acceptance",
        [
            Acceptance("metrics", "noise"),
            Acceptance("metrics", "noise", where="test:*"),
            Acceptance("metrics", "noise", where="test:loss", target="con*"),
        ],
        ids=["aspect", "where", "target"],
    )
    def test_covers_what_it_names(self, acceptance):
        (found,) = accept([NOISE], [acceptance], ["container"])

        assert (found.kind, found.accepted) == (Kind.ACCEPTED, "noise")
        assert agrees([found])

    @pytest.mark.parametrize(
        "acceptance",
        [
            Acceptance("outcome", "noise"),
            Acceptance("metrics", "noise", where="train:*"),
            Acceptance("metrics", "noise", target="local"),
        ],
        ids=["aspect", "where", "target"],
    )
    def test_covers_nothing_else_and_is_stale_then(self, acceptance):
        found, *stale = accept([NOISE], [acceptance], ["local", "container"])

        assert found.kind is Kind.UNEXPLAINED
        assert [each.kind for each in stale] == [Kind.STALE_ACCEPTANCE]

    def test_for_a_target_that_was_not_compared_is_not_stale(self):
        assert accept([], [Acceptance("metrics", "noise", target="remote")], ["local"]) == []

    def test_of_what_is_known_anyhow_is_not_stale(self):
        known = Finding(Aspect.METRICS, "local", "loss", "1", "2", kind=Kind.KNOWN)

        assert accept([known], [Acceptance("metrics", "noise")], ["local"]) == [known]

    def test_may_name_a_place_with_brackets_in_it(self):
        hosts = Finding(Aspect.ENVIRONMENT, "local", "SM_HOSTS[0]", "algo-1", "mine")

        (found,) = accept([hosts], [Acceptance("environment", "so named", where="SM_HOSTS[0]")], ["local"])

        assert found.kind is Kind.ACCEPTED


@pytest.mark.parametrize("aspect", Aspect)
def test_what_nobody_can_explain_says_what_it_may_break_and_what_to_do(aspect):
    found = explained(Finding(aspect, "local", "somewhere", "this", "that"), "local")

    assert (found.kind, found.why) == (Kind.UNEXPLAINED, None)
    assert found.breaks
    assert found.remedy
    assert "{" not in found.remedy


def test_of_a_job_that_ends_otherwise_the_target_s_own_log_is_named():
    found = explained(Finding(Aspect.OUTCOME, "container", "ExitCode", "0", "1"), "container")

    assert "`harness train --on container`" in str(found.remedy)


KNOWN = [
    ("localmode", Aspect.ENVIRONMENT, "SM_CURRENT_HOST", "algo-1", "algo-1-x7k2p", "algo-2"),
    ("localmode", Aspect.CONFIG_FILES, "resourceconfig.json: hosts[0]", "algo-1", "algo-1-x7k2p", "localhost"),
    ("localmode", Aspect.ENVIRONMENT, "SM_INSTANCE_GROUPS", '["homogeneousCluster"]', "[]", '["other"]'),
    ("localmode", Aspect.ENVIRONMENT, "SM_NETWORK_INTERFACE_NAME", "eth0", "ethwe", "eth1"),
    ("localmode", Aspect.ENVIRONMENT, "SM_MODULE_DIR", "s3://b/k.tar.gz", "/opt/ml/code", "/opt/ml/model"),
    ("localmode", Aspect.ENVIRONMENT, "TRAINING_JOB_ARN", "arn:aws:sagemaker:…", None, "arn:aws:other"),
    ("localmode", Aspect.TERMINAL, "stdout", "no terminal", "a terminal", "a file"),
    ("localmode", Aspect.OPT_ML_TREE, "shared", None, "folder", "file, 3 bytes"),
    ("local", Aspect.VERSIONS, "scikit-learn", "1.9.0", "1.9.1", "1.5.2"),
    ("local", Aspect.USER, "uid", "0", "1000", "nobody"),
    ("local", Aspect.ENVIRONMENT, "SM_MODEL_DIR", "/opt/ml/model", "/r/j/hosts/algo-1/model", "/r/j/hosts/algo-1/x"),
    ("local", Aspect.OPT_ML_TREE, "input/data/code/sourcedir.tar.gz", None, "file, 3 bytes", "special"),
    ("container", Aspect.ENVIRONMENT, "HOSTNAME", None, "algo-1", "two words"),
    ("container", Aspect.ENVIRONMENT, "TERM", None, "xterm", "dumb"),
    ("container", Aspect.ENVIRONMENT, "container", None, "podman", "docker"),
]


@pytest.mark.parametrize(
    ("target", "aspect", "where", "expected", "seen", "other"), KNOWN, ids=[f"{row[0]}-{row[2]}" for row in KNOWN]
)
class TestAKnownDivergence:
    def test_is_explained(self, target, aspect, where, expected, seen, other):
        found = explained(Finding(aspect, target, where, expected, seen), target)

        assert found.kind is Kind.KNOWN
        assert found.why
        assert found.breaks
        assert found.remedy

    def test_of_another_value_is_not(self, target, aspect, where, expected, seen, other):
        assert explained(Finding(aspect, target, where, expected, other), target).kind is Kind.UNEXPLAINED

    def test_on_another_target_is_not(self, target, aspect, where, expected, seen, other):
        assert explained(Finding(aspect, "remote", where, expected, seen), "remote").kind is Kind.UNEXPLAINED


def test_every_row_of_the_table_says_what_it_breaks_and_what_to_do_about_it():
    for row in TABLE:
        assert row.why
        assert row.breaks
        assert row.remedy
        assert set(row.targets) <= set(_MODULES)
