"""The plugin in somebody's repository: found by pytest itself, and harmless until a fixture is used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import pytest_plugin
from harness.config.schema import TARGETS
from tests.test_start_up import FORBIDDEN

pytest_plugins = "pytester"

TRAINS = """
import os

with open(os.path.join(os.environ["SM_MODEL_DIR"], "host"), "w") as file:
    file.write(os.environ["SM_CURRENT_HOST"])
"""


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project with one script, configured as its job."""
    pytester.makefile(".py", **{"src/train": TRAINS})
    pytester.makepyprojecttoml('[tool.harness]\nentry_point = "train.py"\nsource_dir = "src"\n')
    return pytester


def modules_of(code: str) -> set[str]:
    """What a fresh interpreter has imported after some code."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.slow
def test_importing_it_imports_nothing_that_pytest_has_not_imported_before() -> None:
    added = modules_of("import pytest, harness.pytest_plugin") - modules_of("import pytest")
    assert added == {"harness", "harness.pytest_plugin"}


@pytest.mark.slow
def test_a_session_that_uses_no_fixture_imports_no_part_of_it_and_nothing_that_is_slow(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        f"""
        import sys

        def test_modules(request):
            ours = {{name for name in sys.modules if name.startswith("harness.")}}
            assert ours == {{"harness.pytest_plugin"}}
            assert request.config.pluginmanager.has_plugin("harness")
            assert not {FORBIDDEN - {"argparse", "unittest", "importlib.metadata"}!r} & sys.modules.keys() - BEFORE

        BEFORE = {{*sys.modules}}
        """
    )
    pytester.runpytest_subprocess("-W", "error", "--strict-markers", "--strict-config").assert_outcomes(passed=1)


def test_nothing_of_it_is_automatic() -> None:
    fixtures = [each for each in vars(pytest_plugin).values() if hasattr(each, "_fixture_function_marker")]
    assert fixtures
    assert not [each for each in fixtures if each._fixture_function_marker.autouse]


def test_no_module_of_it_takes_the_name_of_a_fixture_when_it_is_imported() -> None:
    modules = {path.stem for path in Path(pytest_plugin.__file__).parent.glob("*.py")}
    assert "training" in modules
    assert not modules & {name for name, each in vars(pytest_plugin).items() if hasattr(each, "_fixture_function")}


def test_without_it_its_fixtures_and_its_option_are_unknown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_job(training_job): pass")
    done = pytester.runpytest_inprocess("-p", "no:harness")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*fixture 'training_job' not found*"])
    assert pytester.runpytest_inprocess("-p", "no:harness", "--harness-on", "local").ret == pytest.ExitCode.USAGE_ERROR


def test_its_markers_are_registered_and_a_project_s_own_are_left_as_they_are(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmarkers = docker(image): ours\n")
    lines = pytester.runpytest_inprocess("--markers").stdout.lines
    assert [line for line in lines if line.startswith("@pytest.mark.docker")] == ["@pytest.mark.docker(image): ours"]
    assert len([line for line in lines if line.startswith("@pytest.mark.aws:")]) == 1


def test_a_project_s_own_marker_skips_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.docker\n@pytest.mark.aws\ndef test_own(): pass")
    pytester.runpytest_inprocess("--strict-markers").assert_outcomes(passed=1)


def test_a_project_s_own_fixture_of_the_same_name_wins(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("import pytest\n@pytest.fixture\ndef endpoint(): return 'ours'")
    pytester.makepyfile("def test_own(endpoint): assert endpoint == 'ours'")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_its_targets_are_those_of_the_command_line() -> None:
    assert pytest_plugin.TARGETS == TARGETS
    assert tuple(getattr(each, "values", (each,))[0] for each in _every_target_params()) == TARGETS


def _every_target_params() -> tuple[object, ...]:
    return pytest_plugin.every_target._fixture_function_marker.params


def test_an_unknown_target_is_a_usage_error_that_names_the_known_ones(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_inprocess("--harness-on", "moon")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*--harness-on*moon*local*container*localmode*remote*"])


@pytest.mark.parametrize("name", pytest_plugin.__all__)
def test_a_type_for_annotations_can_be_imported(name: str) -> None:
    assert isinstance(getattr(pytest_plugin, name), type)


def test_what_it_does_not_offer_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        pytest_plugin.Nothing  # noqa: B018


USES = """
def test_a(training_job): assert training_job().model_dir.joinpath("host").read_text() == "algo-1"
def test_b(training_job): assert training_job().status == "Completed"
def test_c(sagemaker_contract): assert sagemaker_contract().environment["SM_CURRENT_HOST"] == "algo-1"
"""


@pytest.mark.slow
def test_it_works_on_several_workers_in_random_order(repository: pytest.Pytester) -> None:
    repository.makepyfile(USES)
    done = repository.runpytest_subprocess("-n", "2", "-p", "randomly", "-W", "error", "--harness-on", "local")
    done.assert_outcomes(passed=3)


@pytest.mark.slow
def test_it_works_without_pytest_s_cache_and_leaves_nothing_in_the_repository(
    repository: pytest.Pytester, files_of: Callable[[pytest.Pytester], set[str]]
) -> None:
    repository.makepyfile(USES)
    before = files_of(repository)
    done = repository.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=3)
    assert files_of(repository) == before


def test_a_target_that_this_machine_lacks_is_skipped_with_the_reason_at_the_test_s_own_line(
    repository: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    repository.makepyfile("def test_job(training_job):\n    training_job()")
    done = repository.runpytest_inprocess("--harness-on", "container", "-rs")
    done.assert_outcomes(skipped=1)
    done.stdout.fnmatch_lines(["SKIPPED * test_*.py:2: container: *unix:///nowhere/docker.sock*"])


@pytest.mark.slow
def test_where_pytest_socket_leaves_no_socket_s3_is_an_error_and_waits_for_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_s3(aws): pass")
    done = pytester.runpytest_subprocess("--disable-socket", "--allow-unix-socket", timeout=60)
    done.assert_outcomes(errors=1)


def test_nothing_runs_on_aws_unless_the_option_says_so(
    repository: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    repository.makepyfile("def test_job(training_job):\n    training_job(on='remote')")
    done = repository.runpytest_inprocess("-rs")
    done.assert_outcomes(skipped=1)
    done.stdout.fnmatch_lines(["SKIPPED * test_*.py:2: jobs on AWS are paid for: --harness-on remote allows them*"])


@pytest.mark.slow
def test_a_character_that_the_terminal_lacks_fails_no_test(
    repository: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    repository.makepyfile("def test_job(training_job):\n    assert '\u2603' in training_job().log")
    repository.makefile(".py", **{"src/train": "print('\u2603')"})
    done = repository.runpytest_subprocess("-s", timeout=60)
    done.assert_outcomes(passed=1)
    done.stdout.fnmatch_lines(["*algo-1 | \\u2603*"])


def test_where_a_test_fails_the_job_s_log_is_shown_and_no_variable_of_this_machine(
    repository: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "not-for-anybody")
    repository.makepyfile("def test_job(training_job):\n    job = training_job()\n    assert job.status == 'Failed'")
    repository.makefile(".py", **{"src/train": "print('what the script said')"})
    done = repository.runpytest_inprocess("-vv", "--showlocals")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*<TrainingJob *, Completed>*", "*what the script said*"])
    assert "not-for-anybody" not in done.stdout.str()
    assert os.environ["MY_TOKEN"]
