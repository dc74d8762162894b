"""What requirements bring, told by their names, and by what is installed on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.config import load
from harness.lint import Finding, Severity, lint, packages

Findings = Callable[..., tuple[Finding, ...]]
SITE_PACKAGES = ".harness/cache/environments/a/lib/python3.12/site-packages"
"""Of the environment that an earlier job's requirements were given."""


@pytest.fixture
def found(tmp_path: Path) -> Findings:
    """What lint finds in a script with requirements."""

    def run(script: str, *requirements: str) -> tuple[Finding, ...]:
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src/train.py").write_text(script)
        (tmp_path / "src/requirements.txt").write_text("\n".join(requirements))
        (tmp_path / "harness.toml").write_text('entry_point = "train.py"\nsource_dir = "src"\n')
        return lint(load(project_dir=tmp_path, flags={}, environ={})).findings

    return run


@pytest.fixture
def install(tmp_path: Path) -> Callable[..., None]:
    """Lay out the metadata of a distribution, as pip leaves it."""

    def lay_out(name: str, *, requires: str = "", **files: str) -> None:
        folder = tmp_path / SITE_PACKAGES / f"{name}-1.0.dist-info"
        folder.mkdir(parents=True)
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}")
        for file, text in files.items():
            (folder / file.replace("_txt", ".txt")).write_text(text)

    return lay_out


@pytest.mark.parametrize(
    ("line", "module"),
    [
        *[("python-slugify", "slugify"), ("pyzmq>=25", "zmq.green"), ("python-docx", "docx"), ("pyserial", "serial")],
        *[
            ("pycryptodome", "Crypto.Cipher"),
            ("pyOpenSSL", "OpenSSL"),
            ("python-magic", "magic"),
            ("IPython", "IPython"),
        ],
        *[("mysqlclient", "MySQLdb"), ("PyMuPDF", "fitz"), ("google-cloud-bigquery", "google.cloud.bigquery")],
    ],
)
def test_a_requirement_that_nobody_has_installed_is_known_by_its_name(found: Findings, line: str, module: str):
    assert not found(f"import {module}\n", line)


def test_one_that_may_bring_anything_makes_a_note_of_it(found: Findings):
    (finding,) = found("import fasta\n", "sequence-tools")
    assert (finding.rule, finding.severity) == ("HRN602", Severity.NOTE)
    assert "perhaps sequence-tools brings it" in finding.message


def test_two_letters_are_not_a_name_within_another():
    assert not packages.resembles("qu", "sequence-tools")
    assert packages.resembles("qu", "tools-qu")


class TestWhatIsInstalledForAnEarlierJob:
    @pytest.mark.parametrize(
        "files",
        [{"top_level_txt": "fasta\n"}, {"RECORD": "fasta.py,,\n"}, {"RECORD": "../../bin/x,,\nfasta/__init__.py,,\n"}],
        ids=["declared", "a file", "a folder"],
    )
    def test_is_known_by_what_it_is_imported_as(
        self, found: Findings, install: Callable[..., None], files: dict[str, str]
    ):
        install("sequence_tools", **files)
        assert not found("import fasta\n", "Sequence.Tools==1.0")

    def test_brings_what_it_requires(self, found: Findings, install: Callable[..., None]):
        install("sequence_tools", requires="other (>=1)", top_level_txt="sequences")
        install("other", requires="sequence-tools", top_level_txt="fasta")
        assert not found("import fasta\n", "sequence-tools")

    def test_brings_nothing_else(self, found: Findings, install: Callable[..., None]):
        install("sequence_tools", top_level_txt="sequences")
        (finding,) = found("import fasta\n", "sequence-tools")
        assert (finding.rule, finding.severity) == ("HRN602", Severity.WARNING)

    def test_may_bring_anything_where_its_files_lie_elsewhere(self, found: Findings, install: Callable[..., None]):
        install("sequence_tools", RECORD="__editable___finder.py,,\n__editable__.sequence_tools.pth,,\n")
        (finding,) = found("import fasta\n", "sequence-tools")
        assert finding.severity == Severity.NOTE


class TestARelativeImport:
    @pytest.mark.parametrize(
        ("statement", "instead"),
        [
            ("from .helpers import a, b as c", "from helpers import a, b as c"),
            ("from . import helpers", "import helpers"),
            ("from ..common.helpers import a", "from common.helpers import a"),
        ],
    )
    def test_of_the_entry_point_is_written_without_its_dots(self, found: Findings, statement: str, instead: str):
        (finding,) = found(f"{statement}\n")
        assert (finding.rule, finding.severity) == ("HRN607", Severity.ERROR)
        assert finding.remedy.startswith(f"Write {instead}: ")

    @pytest.mark.parametrize(
        "script",
        [
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .helpers import A\n",
            "try:\n    import helpers\nexcept ImportError:\n    from . import helpers\n",
            "if not __package__:\n    import a\nelse:\n    from . import a\n".replace("import a", "import json"),
        ],
        ids=["for types", "caught", "asked"],
    )
    def test_that_the_script_gets_past_is_nothing(self, found: Findings, script: str):
        assert not found(script)


class TestAnotherVersionThanTheImages:
    @pytest.mark.parametrize(
        "line",
        ["numpy==1.25.2", "pandas == 2.1", "SciPy==1.11.1  # as at home", "scikit_learn==1.3.0", "numpy==1.26.4"],
    )
    def test_that_it_cannot_have_is_a_warning(self, found: Findings, line: str):
        (finding,) = found("import sklearn\n", "six", line)
        assert (finding.rule, finding.line, finding.severity) == ("HRN608", 2, Severity.WARNING)

    @pytest.mark.parametrize(
        "lines",
        [
            *[["pandas==2.1.1"], ["scipy==1.11.2"], ["scikit-learn==1.3.1"], ["numpy==2.0.0"], ["six==1.0"]],
            *[["numpy<1.25"], ["numpy==1.24.4; python_version < '3.12'"], ["numpy==1.24.*"]],
            *[["--find-links wheels", "numpy==1.24.4"], ["numpy==1.26.4", "scipy"]],
        ],
    )
    def test_that_it_may_have_is_nothing(self, found: Findings, lines: list[str]):
        assert not found("import sklearn\n", *lines)

    def test_of_numpy_is_no_matter_where_scipy_is_not_imported(self, found: Findings):
        assert not found("import numpy\n", "numpy==1.26.4")
