"""What the configuration owes: precedence, sources, all mistakes at once, nothing secret shown."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config import Config, env_example, explain, load, parse_value
from harness.config.schema import SETTINGS, TABLES
from harness.config.settings import settings, variables
from harness.errors import ConfigurationError

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty project folder, which is also where the command is typed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(project, table="", dotenv=None):
    (project / "pyproject.toml").write_text(f"[tool.harness]\n{table}", encoding="utf-8")
    if dotenv is not None:
        (project / ".env").write_text(dotenv, encoding="utf-8")


def read(flags=None, environ=None, **how):
    return load(flags=flags or {}, environ=environ or {}, **how)


def complaint(flags=None, environ=None, **how):
    with pytest.raises(ConfigurationError) as caught:
        read(flags, environ, **how)
    return caught.value.message


class TestPrecedence:
    """Flags > environment > .env > file > defaults."""

    PLACES = (
        ("default", 86_400, "default"),
        ("file", 1, "pyproject.toml [tool.harness]"),
        (".env", 2, ".env HARNESS_MAX_RUN"),
        ("environment", 3, "environment HARNESS_MAX_RUN"),
        ("flag", 4, "--max-run"),
    )

    @pytest.mark.parametrize("strongest", range(len(PLACES)), ids=[place for place, *_ in PLACES])
    def test_the_strongest_place_that_speaks_wins_and_is_named(self, project, strongest):
        write(project, "max_run = 1" if strongest >= 1 else "", "HARNESS_MAX_RUN=2" if strongest >= 2 else None)
        config = read(
            {"max_run": 4 if strongest >= 4 else None},
            {"HARNESS_MAX_RUN": "3"} if strongest >= 3 else {},
        )
        place, value, text = self.PLACES[strongest]
        assert config.max_run == value
        assert config.sources["max_run"].place == place
        assert str(config.sources["max_run"]) == text

    def test_mappings_are_merged_entry_by_entry_each_with_its_source(self, project):
        write(
            project,
            "[tool.harness.hyperparameters]\na = 1\nb = 1\nc = 1\nd = 1\n",
            """HARNESS_HYPERPARAMETERS='{"b": 2, "c": 2, "d": 2}'""",
        )
        config = read({"hyperparameters": {"d": 4, "e": "new"}}, {"HARNESS_HYPERPARAMETERS": '{"c": 3, "d": 3}'})
        assert config.hyperparameters == {"a": 1, "b": 2, "c": 3, "d": 4, "e": "new"}
        assert [str(config.sources[f"hyperparameters.{name}"]) for name in "abcde"] == [
            "pyproject.toml [tool.harness]",
            ".env HARNESS_HYPERPARAMETERS",
            "environment HARNESS_HYPERPARAMETERS",
            "--hyperparameter",
            "--hyperparameter",
        ]

    def test_settings_inside_tables_have_variables_and_flags_too(self, project):
        write(project, "[tool.harness.transform]\nmax_payload = 1\nsplit_type = 'Line'\naccept = 'text/csv'")
        config = read({"transform.accept": "application/json"}, {"HARNESS_TRANSFORM_MAX_PAYLOAD": "6"})
        assert (config.transform.max_payload, config.transform.split_type) == (6, "Line")
        assert config.transform.accept == "application/json"
        assert str(config.sources["transform.max_payload"]) == "environment HARNESS_TRANSFORM_MAX_PAYLOAD"
        assert str(config.sources["transform.accept"]) == "--accept"

    @pytest.mark.parametrize(
        ("environ", "region"),
        [
            ({"AWS_DEFAULT_REGION": "a"}, "a"),
            ({"AWS_DEFAULT_REGION": "a", "AWS_REGION": "b"}, "b"),
            ({"AWS_DEFAULT_REGION": "a", "AWS_REGION": "b", "HARNESS_REGION": "c"}, "c"),
        ],
    )
    def test_awss_own_variables_stand_behind_the_harnesss(self, project, environ, region):
        assert read(environ=environ).region == region

    @pytest.mark.parametrize("empty", [None, (), [], {}])
    def test_a_flag_that_was_not_given_says_nothing(self, project, empty):
        assert read({"channels": empty}).channels == {}

    def test_an_empty_variable_says_nothing(self, project):
        write(project, "role = 'r'", "HARNESS_ROLE=\n")
        assert read(environ={"HARNESS_ROLE": ""}).role == "r"

    def test_false_and_zero_are_values(self, project):
        write(project, "use_spot_instances = true\nstop_grace = 5")
        config = read({"use_spot_instances": False, "stop_grace": 0})
        assert (config.use_spot_instances, config.stop_grace) == (False, 0)


class TestFiles:
    """Where the configuration lies, and what paths in it mean."""

    def test_the_nearest_configuration_upwards_is_used(self, project, monkeypatch):
        write(project, "max_run = 7\nsource_dir = 'entry'")
        inside = project / "package"
        inside.mkdir()
        (inside / "pyproject.toml").write_text("[project]\nname = 'another'\n")
        monkeypatch.chdir(inside)
        config = read()
        assert (config.max_run, config.project_dir, config.source_dir) == (7, project, project / "entry")

    def test_without_any_file_there_are_defaults(self, project):
        config = read()
        assert (config.on, config.framework_version, config.runs_dir) == ("local", "1.9-0", project / "runs")

    def test_a_standalone_file_has_the_keys_at_its_top(self, project):
        (project / "harness.toml").write_text("max_run = 7\n[channels]\ntrain = 'data'\n")
        config = read()
        assert config.max_run == 7
        assert str(config.sources["channels.train"]) == "harness.toml"

    def test_a_file_can_be_named(self, project):
        write(project, "max_run = 1")
        other = project / "conf" / "other.toml"
        other.parent.mkdir()
        other.write_text("max_run = 2\nsource_dir = 'src'\n")
        config = read(config_file=other)
        assert (config.max_run, config.source_dir) == (2, other.parent / "src")

    def test_two_configurations_in_one_folder_are_refused(self, project):
        write(project, "max_run = 1")
        (project / "harness.toml").write_text("max_run = 2")
        assert "both harness.toml and [tool.harness]" in complaint()

    @pytest.mark.parametrize("text", ["max_run = ", "= 1", "a = 1\na = 2", "a = " + "[" * 1000], ids=range(4))
    def test_broken_toml_is_an_error_that_names_the_file(self, project, text):
        (project / "harness.toml").write_text(text)
        assert "harness.toml cannot be read as TOML" in complaint(config_file=project / "harness.toml")

    def test_a_missing_file_is_an_error_that_names_it(self, project):
        assert "gone.toml" in complaint(config_file=project / "gone.toml")

    def test_bytes_that_are_no_text_are_an_error_that_names_the_file(self, project):
        (project / ".env").write_bytes(b"HARNESS_ROLE=\xff\xfe")
        assert ".env cannot be read" in complaint()

    @pytest.mark.parametrize("name", ["harnes", "Harness", "sagemaker-harness"])
    def test_a_misspelt_table_is_an_error_even_beside_the_right_one(self, project, name):
        (project / "pyproject.toml").write_text(f"[tool.harness]\n[tool.{name}.transform]\naccept = 'text/csv'\n")
        assert f"pyproject.toml: [tool.{name}] is no table of anybody's. Did you mean [tool.harness]?" in complaint()

    def test_a_byte_order_mark_is_none_of_the_text(self, project):
        (project / "pyproject.toml").write_text("[tool.harness]\nmax_run = 7\n", encoding="utf-8-sig")
        assert read().max_run == 7

    def test_the_tables_of_other_tools_are_theirs(self, project):
        (project / "pyproject.toml").write_text("[tool.hatch]\n[tool.harness-ci]\n[tool.harness]\nmax_run = 7\n")
        assert read().max_run == 7

    def test_an_error_that_misses_a_setting_names_the_file_that_was_read_or_where_none_was_found(self, project):
        none = f"pyproject.toml (none that has it was found from {project} up to /)"
        assert read().where_to_set("entry_point") == f"set entry_point in [tool.harness] of {none}"
        write(project, "max_run = 7")
        said = read().where_to_set("deploy.entry_point")
        assert said == f"set entry_point in [tool.harness.deploy] of {project}/pyproject.toml"
        (project / "pyproject.toml").unlink()
        (project / "harness.toml").write_text("max_run = 7")
        assert read().where_to_set("entry_point") == f"set entry_point in {project}/harness.toml"

    @pytest.mark.parametrize("text", ["tool = 1", "[tool]\nharness = 1"])
    def test_a_tool_harness_that_is_no_table_is_an_error(self, project, text):
        (project / "pyproject.toml").write_text(text)
        assert "has to be a table" in complaint()

    def test_a_broken_line_of_dotenv_is_named(self, project):
        write(project, "", "HARNESS_MAX_RUN=2\nthis is no assignment\n")
        assert ".env, line 2" in complaint()

    def test_dotenv_takes_values_as_they_stand(self, project):
        write(project, "", 'HARNESS_ROLE="arn:${HOME}"\nUNRELATED=1\n')
        assert read(environ={"HOME": "/home/me"}).role == "arn:${HOME}"

    def test_relative_paths_start_where_they_are_written(self, project, monkeypatch):
        write(project, "[tool.harness.channels]\ntrain = 'data/train'\n", "HARNESS_RUNS_DIR=out\n")
        typed = project / "deep"
        typed.mkdir()
        monkeypatch.chdir(typed)
        config = read({"channels": {"test": "../here"}}, {"HARNESS_SOURCE_DIR": "entry"})
        assert config.channels["train"].uri == (project / "data/train").as_uri()
        assert config.channels["test"].uri == (project / "here").as_uri()
        assert config.runs_dir == project / "out"
        assert config.source_dir == project / "entry"

    @pytest.mark.parametrize(
        ("given", "uri"),
        [
            ("/data/a b", "file:///data/a%20b"),
            ("/data/ü#?%", "file:///data/%C3%BC%23%3F%25"),
            ("file:///data/a%20b", "file:///data/a%20b"),
            ("s3://bucket/data/", "s3://bucket/data/"),
            ("~/data", Path("~/data").expanduser().as_uri()),
        ],
    )
    def test_a_location_becomes_an_absolute_uri(self, project, given, uri):
        assert read({"channels": {"train": given}}).channels["train"].uri == uri

    @pytest.mark.parametrize("given", ["https://example.org/x", "file://data/train", "", "a\0b", "~no-such-user/x"])
    def test_another_location_is_refused(self, project, given):
        assert "channel: expected a path" in complaint({"channels": {"train": given}})

    def test_an_entry_point_belongs_to_its_source_dir(self, project):
        write(project, "source_dir = 'entry'\nentry_point = 'train.py'")
        assert read().entry_point == "train.py"

    def test_an_entry_point_without_source_dir_is_a_path(self, project, monkeypatch):
        write(project, "entry_point = 'train.py'\n[tool.harness.process]\nentry_point = 'prep.py'")
        monkeypatch.chdir("/")
        config = read(project_dir=project)
        assert config.entry_point == str(project / "train.py")
        assert config.process.entry_point == str(project / "prep.py")
        assert read({"entry_point": "x/train.py"}, project_dir=project).entry_point == "/x/train.py"

    @pytest.mark.parametrize(
        ("more", "expected"),
        [("", "{project}/serve.py"), ("source_dir = 'entry'", "serve.py"), ("deploy.source_dir = 'entry'", "serve.py")],
    )
    def test_a_serving_script_without_any_source_dir_is_a_path(self, project, more, expected):
        write(project, f"deploy.entry_point = 'serve.py'\n{more}")
        assert read().deploy.entry_point == expected.format(project=project)

    def test_a_channel_may_be_a_table(self, project):
        write(
            project,
            "[tool.harness.channels.train]\nuri = 's3://b/t'\ncontent_type = 'text/csv'\nshuffle_seed = 3\n"
            "attribute_names = ['a', 'b']\n",
        )
        channel = read().channels["train"]
        assert (channel.uri, channel.content_type, channel.shuffle_seed) == ("s3://b/t", "text/csv", 3)
        assert (channel.attribute_names, channel.distribution) == (("a", "b"), "FullyReplicated")


class TestMistakes:
    """A ConfigurationError names the place, the key, and the nearest known one; all at once."""

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            ("max_runs = 1", "max_runs is not a setting; did you mean max_run?"),
            (
                "[tool.harness.transform]\nsplit = 'Line'",
                "transform.split is not a setting; did you mean transform.split_type?",
            ),
            (
                "[tool.harness.channels.train]\nurl = 'x'",
                "channels.train.url is not a setting; did you mean channels.train.uri?",
            ),
            (
                "[tool.harness.process.inputs.raw]\nlocal_path = 'x'",
                "process.inputs.raw.local_path is not a setting; there are source, destination, input_mode,",
            ),
            ("[tool.harness.channels.train]\ncontent_type = 'x'", "channels.train.uri is missing"),
            ("max_run = 'long'", "max_run: expected an integer, got text 'long'"),
            ("max_run = true", "max_run: expected an integer, got boolean True"),
            ("max_run = 1.5", "max_run: expected an integer, got number 1.5"),
            ("max_run = 0", "max_run: expected at least 1, got integer 0"),
            ("[tool.harness.deploy]\nport = 65_536", "deploy.port: expected at most 65535, got integer 65536"),
            ("use_spot_instances = 1", "use_spot_instances: expected true or false, got integer 1"),
            ("on = 'cloud'", "on: expected one of local, container, localmode, remote, got text 'cloud'"),
            ("subnets = 'subnet-1'", "subnets: expected a list, got text 'subnet-1'"),
            ("subnets = ['s-1', {}]", "subnets[1]: expected text, got table {}\n"),
            (
                "process.arguments = ['--test-size', 0.25]",
                "process.arguments[1]: expected text, got number 0.25; put it in quotes\n",
            ),
            (
                "process.arguments = '--test-size 0.25'",
                'process.arguments: expected a list, got text \'--test-size 0.25\'; write ["--test-size", "0.25"]\n',
            ),
            ("channels = 'data'", "channels: expected a table, got text 'data'"),
            ("channels = {train = 1}", "channels.train.uri: expected a path"),
            ("transform = 1", "transform: expected a table, got integer 1"),
            (
                "source_dir = 's3://bucket/source'",
                "source_dir: expected a path, got text 's3://bucket/source'",
            ),
            ("tags = {team = 1}", "tags.team: expected text, got integer 1; put it in quotes\n"),
            ("environment = {DEBUG = true}", "environment.DEBUG: expected text, got boolean; put it in quotes\n"),
            (
                "metric_definitions = [{Name = 'a', Regex = 'b'}, {name = 'a', Regex = 'b'}]",
                "metric_definitions[1].name is not a setting; did you mean metric_definitions[1].Name?",
            ),
            ("metric_definitions = [{Name = 'a'}]", "metric_definitions[0].Regex is missing"),
            ("metric_definitions = [{Name = 1, Regex = 'b'}]", "metric_definitions[0].Name: expected text"),
        ],
    )
    def test_a_mistake_in_the_file_is_named(self, project, table, said):
        write(project, table)
        assert f"pyproject.toml [tool.harness]: {said}" in complaint() + "\n"

    def test_a_misspelt_setting_that_is_required_is_told_once(self, project):
        write(project, "metric_definitions = [{name = 'a', regex = 'b'}]\n[tool.harness.channels.train]\nurl = 'x'")
        assert complaint().count("is not a setting") == 3
        assert "missing" not in complaint()

    @pytest.mark.parametrize(
        ("environ", "said"),
        [
            ({"HARNESS_MAX_RUN": "1h"}, "HARNESS_MAX_RUN: expected an integer, got text '1h'"),
            ({"HARNESS_USE_SPOT_INSTANCES": "yes"}, "HARNESS_USE_SPOT_INSTANCES: expected true or false"),
            ({"HARNESS_SUBNETS": "a,b"}, 'HARNESS_SUBNETS: expected a list, got text \'a,b\'; write ["a", "b"]'),
            ({"HARNESS_SUBNETS": '["a", 1]'}, "HARNESS_SUBNETS[1]: expected text, got integer 1; put it in quotes"),
            ({"HARNESS_HYPERPARAMETERS": "{n: 1}"}, "HARNESS_HYPERPARAMETERS: expected a JSON object"),
            ({"HARNESS_CHANNELS": '{"train": 1}'}, "HARNESS_CHANNELS: expected a path"),
            ({"HARNESS_MAX_RUNS": "1"}, "HARNESS_MAX_RUNS is not a setting; did you mean HARNESS_MAX_RUN?"),
        ],
    )
    @pytest.mark.parametrize("place", ["environment", ".env"])
    def test_a_mistake_in_a_variable_is_named(self, project, environ, said, place):
        if place == ".env":
            write(project, "", "".join(f"{name}='{value}'\n" for name, value in environ.items()))
            environ = {}
        assert f"{place}: {said}" in complaint(environ=environ)

    def test_dotenv_knows_no_other_harness_variable_but_the_environment_may(self, project):
        assert read(environ={"HARNESS_BUILD_ID": "3", "HARNESS_ORG_ID": "x"}).on == "local"
        write(project, "", "HARNESS_BUILD_ID=3\n")
        assert ".env: HARNESS_BUILD_ID is not a setting" in complaint()

    def test_a_job_name_cannot_be_fixed_in_the_environment(self, project):
        assert "HARNESS_JOB_NAME is not a setting" in complaint(environ={"HARNESS_JOB_NAME": "x"})

    def test_all_mistakes_are_told_at_once(self, project):
        write(project, "max_run = 'a'\nfoo = 1\n[tool.harness.deploy]\nport = -1", "HARNESS_STOP_GRACE=b\n")
        message = complaint({"instance_count": 0, "on": "moon"}, {"HARNESS_MAX_WAIT": "c"})
        for said in ("max_run", "foo", "port", "STOP_GRACE", "--instance-count", "--on", "HARNESS_MAX_WAIT"):
            assert said in message
        assert len(message.splitlines()) == 8

    @pytest.mark.slow
    @given(
        st.dictionaries(
            st.sampled_from([f.name for f in fields(Config)]) | st.text(max_size=5),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
                max_leaves=5,
            ),
            max_size=4,
        )
    )
    def test_whatever_is_given_is_read_or_refused_in_words(self, values):
        for flags, environ in (
            (values, {}),
            ({}, {f"HARNESS_{key.upper()}": json.dumps(value) for key, value in values.items()}),
        ):
            try:
                config = load(project_dir=Path("/nonexistent"), flags=flags, environ=environ)
            except ConfigurationError as error:
                assert error.message.startswith("The configuration is wrong:\n")  # noqa: PT017 - both are right
            else:
                json.dumps([row.value for row in explain(config)])


class TestShown:
    """What people see of it."""

    def test_every_value_is_explained_with_its_source(self, project):
        write(project, "max_run = 5\n[tool.harness.channels]\ntrain = {uri = 's3://b/t', input_mode = 'Pipe'}\n")
        rows = {row.key: row for row in explain(read({"channels": {"test": "s3://b/u"}}))}
        assert rows["max_run"].value == 5
        assert str(rows["max_run"].source) == "pyproject.toml [tool.harness]"
        assert rows["channels.train"].value == {"uri": "s3://b/t", "input_mode": "Pipe"}
        assert rows["channels.test"].value == "s3://b/u"
        assert {key for key, _ in SETTINGS.items()} - {key.rpartition(".")[0] for key in rows} - set(rows) == {
            "hyperparameters",
            "environment",
            "tags",
            "process.inputs",
            "process.outputs",
            "process.environment",
            "transform.environment",
            "deploy.environment",
        }

    @pytest.mark.parametrize("name", ["API_KEY", "MY_TOKEN", "db_password", "AWS_SECRET_ACCESS_KEY", "SECRET_SAUCE"])
    @pytest.mark.parametrize(
        "table",
        ["hyperparameters", "environment", "process.environment", "deploy.environment", "transform.environment"],
    )
    def test_secrets_of_a_script_are_not_shown(self, project, name, table):
        arguments = ("--key", "hunter2")
        config = read({table: {name: "hunter2", "PLAIN": "seen", "NOTE": "my-hunter2"}, "process.arguments": arguments})
        rows = {row.key: row.value for row in explain(config)}
        assert rows[f"{table}.PLAIN"] == "seen"
        assert rows[f"{table}.NOTE"] == "my-(redacted)"
        assert rows["process.arguments"] == ["--key", "(redacted)"]
        assert "hunter2" not in str([*explain(config), config, config.process, config.deploy, config.sources])

    def test_settings_of_our_own_hold_no_secrets_whatever_their_names(self, project):
        rows = {row.key: row.value for row in explain(read({"volume_kms_key": "k-123", "tags": {"cost_key": "c-7"}}))}
        assert (rows["volume_kms_key"], rows["tags.cost_key"]) == ("k-123", "c-7")

    def test_a_wrong_value_of_an_environment_is_not_shown(self, project):
        message = complaint(
            environ={"HARNESS_ENVIRONMENT": '{"TOKEN": 123456}', "HARNESS_DEPLOY_ENVIRONMENT": "hunter2"}
        )
        assert "HARNESS_ENVIRONMENT: expected text, got integer" in message
        assert "123456" not in message
        assert "hunter2" not in message

    def test_the_example_of_dotenv_is_up_to_date(self):
        assert (REPOSITORY / ".env.example").read_text(encoding="utf-8") == env_example(), (
            "write it anew from harness.config.env_example()"
        )

    def test_every_variable_stands_in_the_example_under_a_comment(self):
        lines = env_example().splitlines()
        for key, declared in SETTINGS.items():
            for name in variables(key, declared)[:1]:
                (at,) = [n for n, line in enumerate(lines) if line.startswith(f"#{name}=")]
                assert lines[at - 1].startswith("# ")
                assert len(lines[at - 1]) > 10

    def test_the_example_uncommented_is_the_default(self, project):
        example = "\n".join(
            line.removeprefix("#") for line in env_example().splitlines() if line.startswith("#HARNESS")
        )
        write(project, "", example)
        given, default = read(), read(project_dir=project.parent)
        assert [r.value for r in explain(given) if r.key != "runs_dir"] == [
            r.value for r in explain(default) if r.key != "runs_dir"
        ]


class TestDeclaration:
    """The table of settings itself."""

    def test_every_variable_belongs_to_one_setting(self):
        names = [name for key, declared in SETTINGS.items() for name in variables(key, declared)]
        assert len(names) == len(set(names))

    def test_every_setting_is_explained(self):
        for schema in (Config, *TABLES.values()):
            for name, declared in settings(schema).items():
                assert declared.metadata["help"].endswith((".", ")")), name

    def test_the_projects_own_configuration_is_right(self):
        config = load(project_dir=REPOSITORY, flags={}, environ={})
        assert config.entry_point == "train.py"
        assert set(config.channels) == {"train", "test"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("30", 30),
        ("-5", -5),
        ("0.1", 0.1),
        ("1e-5", 1e-5),
        ("true", True),
        ("false", False),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ('{"a": 1}', {"a": 1}),
        ('"30"', "30"),
        ("gini", "gini"),
        ("", ""),
        ("True", "True"),
        ("007", "007"),
        (".5", ".5"),
        ("0x10", "0x10"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("[1, NaN]", "[1, NaN]"),
        ("a=b", "a=b"),
        ("[" * 100_000, "[" * 100_000),
        ("9" * 5_000, "9" * 5_000),
    ],
)
def test_text_of_the_command_line_has_the_type_it_would_have_as_json(text, value):
    parsed = parse_value(text)
    assert parsed == value
    assert type(parsed) is type(value)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_json_text_is_what_it_says(value):
    assert parse_value(json.dumps(value)) == value


def test_nothing_slow_is_imported_before_it_is_needed():
    code = "import sys, harness.config, harness.requests; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tomllib", "dotenv", "difflib", "logging", "urllib.request", "boto3", "sagemaker"} & set(loaded)
