"""Feature engineering: two channels of label-first CSV, by hand and as a processing job."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "entry" / "preprocess.py"

pytestmark = pytest.mark.slow  # pandas and scikit-learn come into this process, and stay


@pytest.fixture(scope="module")
def preprocess() -> ModuleType:
    spec = importlib.util.spec_from_file_location("entry_preprocess", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_the_iris_data_becomes_two_channels(preprocess: ModuleType, tmp_path: Path) -> None:
    preprocess.main(["--output-dir", str(tmp_path)])
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")) == [
        "test/iris.csv",
        "train/iris.csv",
    ]
    assert (len(rows(tmp_path / "train/iris.csv")), len(rows(tmp_path / "test/iris.csv"))) == (120, 30)


def test_a_row_is_the_label_and_four_features_without_a_header(preprocess: ModuleType, tmp_path: Path) -> None:
    preprocess.main(["--output-dir", str(tmp_path)])
    together = rows(tmp_path / "train/iris.csv") + rows(tmp_path / "test/iris.csv")
    assert "0.0, 5.100, 3.500, 1.400, 0.200" in together
    numbers = np.array([line.split(",") for line in together], dtype=float)
    assert numpy_sorted(numbers) == numpy_sorted(preprocess.sample_rows())


def numpy_sorted(table: np.ndarray) -> list[list[float]]:
    return sorted(table.tolist())


def test_both_parts_have_the_labels_in_equal_shares(preprocess: ModuleType, tmp_path: Path) -> None:
    preprocess.main(["--output-dir", str(tmp_path), "--test-size", "0.4"])
    for part, count in (("train", 30), ("test", 20)):
        labels = [line.split(",")[0] for line in rows(tmp_path / part / "iris.csv")]
        assert {label: labels.count(label) for label in set(labels)} == dict.fromkeys(["0.0", "1.0", "2.0"], count)


def test_a_seed_repeats_its_split_and_another_seed_does_not(preprocess: ModuleType, tmp_path: Path) -> None:
    for run, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        preprocess.main(["--output-dir", str(tmp_path / run), "--seed", seed])
    a, b, c = (rows(tmp_path / run / "test" / "iris.csv") for run in "abc")
    assert a == b != c


def test_as_a_processing_job_it_reads_and_writes_only_where_told(preprocess: ModuleType, tmp_path: Path) -> None:
    given = tmp_path / "input"
    (given / "code").mkdir(parents=True)
    (given / "code" / "preprocess.py").write_text("delivered beside the data")
    (given / "b.csv").write_text("1.0, 4.000\n" * 5)
    (given / "a.csv").write_text("0,2\n" * 5)
    before = {path: path.stat().st_mtime_ns for path in given.rglob("*")}
    preprocess.main(
        ["--input-dir", str(given), "--train-dir", str(tmp_path / "tr"), "--test-dir", str(tmp_path / "te")]
    )
    together = rows(tmp_path / "tr" / "iris.csv") + rows(tmp_path / "te" / "iris.csv")
    assert sorted(together) == ["0.0, 2.000"] * 5 + ["1.0, 4.000"] * 5
    assert {path: path.stat().st_mtime_ns for path in given.rglob("*")} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input", "te", "tr"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"has no \*\.csv file"),
        ({"a.csv": "label,width\n0,1\n"}, r"a\.csv is not label-first CSV of numbers without a header"),
        ({"a.csv": "0,1\n0,1,2\n"}, r"a\.csv is not label-first CSV"),
        ({"a.csv": "0,1\n", "b.csv": "0,1,2\n"}, r"differ in their number of columns \(a\.csv: 2, b\.csv: 3\)"),
    ],
    ids=["no file", "a header", "ragged", "different widths"],
)
def test_input_that_cannot_be_used_is_explained(
    preprocess: ModuleType, files: dict[str, str], message: str, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        preprocess.main(["--input-dir", str(tmp_path), "--output-dir", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say where to write"),
        (["--train-dir", "only-one"], "say where to write"),
        (["--output-dir", "x", "--test-size", "1"], "more than 0, less than 1"),
    ],
)
def test_a_wrong_command_line_says_what_is_missing(
    preprocess: ModuleType, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        preprocess.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_a_write_that_fails_leaves_what_was_there_and_no_data_file_beside(
    preprocess: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preprocess.main(["--output-dir", str(tmp_path)])
    before = rows(tmp_path / "test" / "iris.csv")

    def fail(path: str, *_: object, **__: object) -> None:
        Path(path).write_text("half a ro")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savetxt", fail)
        with pytest.raises(OSError, match="No space left"):
            preprocess.main(["--output-dir", str(tmp_path), "--seed", "1"])
    assert rows(tmp_path / "test" / "iris.csv") == before
    assert [path.name for path in (tmp_path / "test").glob("[!.]*")] == ["iris.csv"]

    preprocess.main(["--output-dir", str(tmp_path)])
    assert [path.name for path in (tmp_path / "test").iterdir()] == ["iris.csv"]
