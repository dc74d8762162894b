"""What travels with a job whose script is the probe, and samples of its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.config import Config
from harness.errors import ConfigurationError
from harness.parity import rows, shipment
from harness.source import SourceManifest
from harness.storage import local_path
from tests.parity.conftest import make_job


def texts(code: SourceManifest) -> dict[str, str]:
    return {file.name: file.path.read_text() for file in code.files}


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    folder = tmp_path / "stand-ins"
    folder.mkdir()
    return folder


class TestAProbesSource:
    def test_is_the_jobs_with_another_entry_point_of_the_same_name(self, tmp_path, stand_ins):
        config = make_job(tmp_path, "print('mine')", files={"src/requirements.txt": "", "src/lib/util.py": ""})("local")

        found = texts(shipment.with_probe(shipment.manifest(config), stand_ins))

        assert list(found) == ["lib/util.py", "requirements.txt", "train.py"]
        assert "def observe" in found["train.py"]

    def test_keeps_a_shell_script_a_shell_script(self, tmp_path, stand_ins):
        config = make_job(tmp_path, "echo mine", entry_point="run/train.sh")("local")

        found = texts(shipment.with_probe(shipment.manifest(config), stand_ins))

        assert set(found) == {"run/train.sh", "run/harness_probe.py"}
        assert found["run/train.sh"].startswith("#!/bin/sh")

    def test_does_not_touch_the_jobs(self, tmp_path, stand_ins):
        shipment.with_probe(shipment.manifest(make_job(tmp_path, "mine")("local")), stand_ins)

        assert (tmp_path / "src/train.py").read_text() == "mine"


def test_a_script_serves_with_the_code_that_deploy_names(tmp_path):
    more = "[deploy]\nentry_point = 'serve.py'\nsource_dir = 'serving'\n"
    config = make_job(tmp_path, more=more, files={"serving/serve.py": "served"})("local")

    assert texts(shipment.serving(config)) == {"serve.py": "served"}


class TestASample:
    def sampled(self, folder: Path, count: int, **files: str) -> dict[str, str]:
        named = {f"data/train/{name.replace('_', '.')}": text for name, text in files.items()}
        config = shipment.sampled(make_job(folder, files=named)("local"), folder / "sample", count)
        root = local_path(config.channels["train"].uri)
        return {file.relative_to(root).as_posix(): file.read_text() for file in sorted(root.rglob("*"))}

    def test_of_records_keeps_the_first_and_spreads_over_the_rest(self, tmp_path):
        lines = "".join(f"{number}\n" for number in range(100))

        found = self.sampled(tmp_path, 4, all_csv=lines)["all.csv"].split()

        assert found == ["0", "20", "40", "60", "80"]

    def test_of_few_records_is_all_of_them(self, tmp_path):
        assert self.sampled(tmp_path, 4, few_csv="a\nb\n")["few.csv"] == "a\nb\n"

    def test_cuts_no_quoted_cell_in_two(self, tmp_path):
        text = "".join(f'{number},"two\nlines"\n' for number in range(50))

        found = self.sampled(tmp_path, 2, quoted_csv=text)["quoted.csv"]

        assert found.count('"') == 2 * found.count("two\nlines") == 6

    def test_of_other_files_takes_so_many_whole_ones(self, tmp_path):
        pictures = {f"p{number}_png": "x" for number in range(10)}

        found = self.sampled(tmp_path, 3, **pictures)

        assert [name for name in found if name.endswith(".png")] == ["p0.png", "p3.png", "p6.png"]

    def test_leaves_the_channels_data_alone(self, tmp_path):
        self.sampled(tmp_path, 1, all_csv="a\nb\nc\n")

        assert (tmp_path / "data/train/all.csv").read_text() == "a\nb\nc\n"


class TestRowsToPredict:
    def of(self, config: Config) -> rows.Rows | rows.Bodies | None:
        return rows.of(config, config.channels)

    def test_come_from_a_channel_that_the_model_has_not_seen_and_have_a_label(self, tmp_path):
        more = 'channels.test = "data/test"\n'
        config = make_job(tmp_path, more=more, files={"data/test/t.csv": "1,2\n3,4\n"})("local")

        found = self.of(config)

        assert (found.cells, found.labelled) == ((("1", "2"), ("3", "4")), True)
        assert found.origin == "channel test, t.csv"

    def test_come_from_where_the_configuration_says_without_any_label(self, tmp_path):
        config = make_job(tmp_path, more='parity.rows = "rows.csv"\n', files={"rows.csv": "9,8\n"})("local")

        found = self.of(config)

        assert (found.cells, found.labelled) == ((("9", "8"),), False)

    @pytest.mark.parametrize("uri", ["s3://bucket/rows.csv", "nowhere.csv"], ids=["in S3", "missing"])
    def test_that_are_configured_have_to_be_there(self, tmp_path, uri):
        config = make_job(tmp_path, more=f'parity.rows = "{uri}"\n')("local")

        with pytest.raises(ConfigurationError, match=r"parity\.rows"):
            self.of(config)

    def test_have_no_header_but_its_names(self, tmp_path):
        config = make_job(tmp_path, more='parity.rows = "rows.csv"\n', files={"rows.csv": "a,b\n1,2\n"})("local")

        assert (self.of(config).cells, self.of(config).names) == ((("1", "2"),), ("a", "b"))

    @pytest.mark.parametrize("text", ["1,2\n3\n", "", "one column\n"], ids=["ragged", "empty", "one column"])
    def test_are_none_where_nothing_is_a_table(self, tmp_path, text):
        config = make_job(tmp_path, files={"data/train/rows.csv": text})("local")

        assert self.of(config) is None

    def test_are_not_more_than_are_needed(self, tmp_path):
        config = make_job(tmp_path, files={"data/train/rows.csv": "1,2\n" * 1000})("local")

        assert len(self.of(config).cells) == rows.MOST

    def test_are_numbers_if_all_cells_are(self):
        assert rows.Rows((("1", "2.5"),), "").numbers == [[1.0, 2.5]]
        assert rows.Rows((("1", "M"),), "").numbers is None

    def test_without_their_label_say_so(self):
        found = rows.Rows((("0", "1", "2"),), "channel train", labelled=True).columns([1, 2])

        assert found.cells == (("1", "2"),)
        assert "first column" in found.origin

    @pytest.mark.parametrize(
        ("kept", "cells", "told"),
        [
            ([0, 2], ("0", "2"), "channel train, without b: no feature of the model"),
            ([2], ("2",), "channel train, without a, b: no features of the model"),
            ([2, 1, 0], ("2", "1", "0"), "channel train, in the order of the features"),
        ],
    )
    def test_of_columns_with_names_say_which_are_missing(self, kept, cells, told):
        found = rows.Rows((("0", "1", "2"),), "channel train", labelled=True, names=("a", "b", "c")).columns(kept)

        assert (found.cells, found.origin) == ((cells,), told)

    def test_of_a_spreadsheet_have_its_names_too(self, tmp_path):
        config = make_job(tmp_path, more='parity.rows = "rows.csv"\n', files={"rows.csv": "\ufeffa,b\n1,2\n"})("local")

        assert self.of(config).names == ("a", "b")


class TestBodiesToSend:
    """A file that is no CSV, for a model that takes none."""

    def of(self, folder: Path, name: str, text: str, **parity: str) -> rows.Rows | rows.Bodies | None:
        more = "".join(f'parity.{key} = "{value}"\n' for key, value in {"rows": name, **parity}.items())
        config = make_job(folder, more=more, files={name: text})("local")
        return rows.of(config, config.channels)

    @pytest.mark.parametrize(
        ("name", "text", "contents"),
        [
            ("q.json", '{"a":\n 1}\n', [b'{"a":\n 1}\n']),
            ("q.jsonl", '{"a": 1}\n\n{"a": 2}', [b'{"a": 1}', b'{"a": 2}']),
        ],
    )
    def test_are_a_json_file_or_the_lines_of_one_as_they_stand_there(self, tmp_path, name, text, contents):
        assert self.of(tmp_path, name, text) == rows.Bodies(tuple(contents), "application/json")

    def test_are_of_any_type_that_the_configuration_names(self, tmp_path):
        found = self.of(tmp_path, "q.csv", "a,b\n1,2\n", content_type="text/csv; header=present")

        assert found == rows.Bodies((b"a,b\n1,2\n",), "text/csv; header=present")

    def test_are_not_more_than_are_needed(self, tmp_path):
        assert len(self.of(tmp_path, "q.jsonl", "[1]\n" * 1000).contents) == rows.MOST

    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            ("q.json", "{'a': 1}", r"q\.json is no JSON: Expecting property name"),
            ("q.jsonl", "[1]\n[2\n", r"q\.jsonl, body 2 is no JSON"),
            ("q.jsonl", "\n", r"q\.jsonl is empty"),
        ],
    )
    def test_that_nobody_could_read_are_refused(self, tmp_path, name, text, said):
        with pytest.raises(ConfigurationError, match=said):
            self.of(tmp_path, name, text)

    def test_that_are_not_there_are_refused(self, tmp_path):
        config = make_job(tmp_path, more='parity.rows = "s3://bucket/q.json"\n')("local")

        with pytest.raises(ConfigurationError, match=r"q\.json is not on this machine"):
            rows.of(config, config.channels)

    def test_have_to_be_named_where_their_type_is(self, tmp_path):
        config = make_job(tmp_path, more='parity.content_type = "text/plain"\n')("local")

        with pytest.raises(ConfigurationError, match=r"there are no parity\.rows"):
            rows.of(config, config.channels)
