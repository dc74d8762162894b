"""Write docs/lint.md: every rule, with an example of the corpus that goes wrong and one that does not.

.venv/bin/python tests/lint/document.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from harness.contract.environment import Dialect
from harness.lint import Rule, Severity, known_rules
from tests.lint.corpus import CASES, Case, label, observations

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "lint.md"
HAPPENS = {"fails": "The job fails.", "differs": "The job ends well, and does something else than here."}

HEAD = """\
# `harness lint`

Tells, before anything runs, what in a training script will behave differently on SageMaker. The source is parsed, never
imported or run; what is looked at is the job as it is configured: its hyperparameters as they would be sent, its
channels, the image's Python and packages, who computes `SM_*`.

```console
$ harness lint                      # the job of pyproject.toml, on the image's toolkit
$ harness lint --dialect v3         # the same by SDK v3's ModelTrainer
$ harness lint --serving            # the model is going to be served, for certain
$ harness lint --strict             # warnings count
$ harness lint --sarif > lint.sarif # for code scanning at GitHub
```

| severity | what becomes of the job | exit code |
|---|---|---|
| error | it fails on SageMaker | 1 |
| warning | it ends well there, and does something else than here | 0, and 1 with `--strict` |
| note | nothing, as it is configured now | 0 |

An error is only an error where the script cannot get past it: at its top, under its `__main__` guard, in functions that
certainly run. In a branch the same is a warning, and where the script asks first, or catches it, nothing at all.

A script with a `model_fn`, or named in `deploy.entry_point`, is looked at as the server's, too. Training ends well
whatever becomes of its model, so that what fails in the server alone is a warning; with `--serving` it is an error.

`# harness: ignore[HRN301]` on a line silences a rule there; two are parted by a comma. One that silences nothing is a
finding itself. `harness train --on remote` looks first: it shows warnings, and stops at errors with exit code 2 before
anything is sent; `--no-lint` goes without.

Only the entry point and the modules of the source that it imports are read: what nothing imports does not run. With
`click`, `fire`, `typer` and other libraries in place of argparse, rules about arguments keep silent. Rules about
packages know the images whose pins the harness has: 1.9-0 and 1.4-2-py312.

Every rule has been seen to be right: a corpus of small jobs (`tests/lint/corpus`) has been run as plain processes and
through AWS's own code (sagemaker-training, SDK v3's drivers, sagemaker-containers, the image). Each rule speaks of a
job that went wrong, and keeps silent about at least two that nearly did. The examples below are from there.

## Rules

"""


UNUSED = 'print("trained")  # harness: ignore[HRN301]'
USED = 'open("notes.txt", "w").close()  # harness: ignore[HRN301]'


def document() -> str:
    """The whole of docs/lint.md."""
    rules = known_rules()
    index = "".join(f"| [{rule.id}](#{rule.id.lower()}-{rule.name}) | {rule.summary} |\n" for rule in rules)
    sections = "\n".join("\n".join(_section(rule)) for rule in rules)
    return f"{HEAD}| rule | |\n|---|---|\n{index}\n{sections}"


def _section(rule: Rule) -> Iterator[str]:
    yield f"### {rule.id} {rule.name}\n"
    yield f"{rule.summary} {rule.why}\n"
    if rule.id == "HRN901":
        yield f"Is found:\n\n```python\n{UNUSED}\n```\n\nIs fine:\n\n```python\n{USED}\n```\n"
    wrong = next((case for case in CASES if case.example and rule.id in case.finds[:1]), None)
    fine = next((case for case in CASES if case.example and rule.id in case.near[:1]), None)
    if wrong is None or fine is None:
        return
    findings = [each for each in wrong.lint().findings if each.rule == rule.id and each.severity != Severity.NOTE]
    yield f"Goes wrong: {_lower(wrong.about)} {HAPPENS[label(observations()[wrong.name])]}\n"
    yield from _shown(wrong)
    yield "```text"
    for each in findings:
        yield f"{each.path}:{each.line}:{each.column}: {each.rule} {each.severity}: {each.message}"
        yield f"    {each.remedy}"
    yield "```\n"
    yield f"Is fine: {_lower(fine.about)}\n"
    yield from _shown(fine)


def _shown(case: Case) -> Iterator[str]:
    """The configuration as far as it is not the usual one, and the source."""
    settings = _settings(case)
    if settings:
        yield f"```toml\n{settings}\n```\n"
    for path in sorted((case.folder / "src").rglob("*")):
        if path.is_file() and path.suffix in (".py", ".sh"):
            comment = (
                "" if path.name == str(case.config.entry_point) else f"# {path.relative_to(case.folder / 'src')}\n"
            )
            yield f"```{'python' if path.suffix == '.py' else 'sh'}\n{comment}{path.read_text('utf-8').strip()}\n```\n"


def _settings(case: Case) -> str:
    text = (case.folder / "case.toml").read_text("utf-8").partition("[case]")[0]
    usual = ('entry_point = "train.py"', 'source_dir = "src"', 'train = "data/train"')
    lines = [line for line in text.splitlines() if line and line not in usual]
    lines = [line for line, after in zip(lines, [*lines[1:], "["], strict=True) if not (line[0] == after[0] == "[")]
    asked = ["# harness lint --dialect v3"] if case.dialect is Dialect.V3 else []
    asked += [f"# harness lint --toolkit-version {case.toolkit}"] if case.toolkit else []
    asked += ["# harness lint --serving"] if case.serving else []
    asked += [f"# --hyperparameter {name}=null" for name in case.none]
    return "\n".join([*asked, *lines])


def _lower(text: str) -> str:
    """A sentence behind a colon, unless it begins with a name."""
    first, _, rest = text.partition(" ")
    plain = first.isalpha() and first[1:].islower() and first not in ("Python", "Doubler", "Toolkit")
    return f"{first.lower()} {rest}" if plain else text


if __name__ == "__main__":
    DOCUMENT.write_text(document(), "utf-8")
