"""What bash makes of unescaped exports, held against bash itself."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.contract.shell import NotAnExportError, UnclosedQuoteError, exported

READER = "import json, os; print(json.dumps(dict(os.environ)))"
BASHS_OWN = {"PATH", "PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
BASH = shutil.which("bash")


@pytest.mark.parametrize(
    "text",
    [
        "export A='1'\nexport B='two words'\n",
        "export A='$HOME `id` \\n \"q\"'\n",
        "export A='line\nline'\n",
        "export A='it's and it's'\n",
        "export A=B='x'\n",
        "export STRAY B='x'\n",
        "export A=''x''\n",
        "export A='say \"it's\" or \"it's\"'\n",
        "export A='a'\\''b'\n",
    ],
)
def test_variables_are_those_of_bash(text: str, tmp_path: Path) -> None:
    assert BASH, "bash is needed to compare with it"
    script = tmp_path / "variables"
    script.write_text(text)
    program = f'set -e; source "{script}"; exec python3 -c "$0"'
    end = subprocess.run([BASH, "-c", program, READER], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True)
    real = json.loads(end.stdout)

    ours = exported(text)

    assert ours == {name: value for name, value in real.items() if name not in BASHS_OWN}


@pytest.mark.parametrize("text", ["export A='it's'\n", 'export A="x\n'])
def test_quotes_that_do_not_match_are_a_syntax_error(text: str) -> None:
    with pytest.raises(UnclosedQuoteError):
        exported(text)


@pytest.mark.parametrize(
    "text", ["export A.B='1'\n", "export 2A='1'\n", "export A='x'\nother 'y'\n", "export A='a'$B''\n"]
)
def test_what_is_no_export_is_an_error(text: str) -> None:
    with pytest.raises(NotAnExportError):
        exported(text)
