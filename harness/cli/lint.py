"""``harness lint``."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from harness.cli import console
from harness.cli.options import common, configure, settings
from harness.config import Config
from harness.contract.environment import TOOLKIT_VERSIONS, Dialect
from harness.errors import ConfigurationError, HarnessError, UsageError

if TYPE_CHECKING:
    from harness.lint import Finding, Report

_SETTINGS = (
    "entry_point",
    "source_dir",
    "channels",
    "hyperparameters",
    "environment",
    "framework_version",
    "image_uri",
    "enable_network_isolation",
    "isolation",
)
_IMPORTS = "HRN602"
"""Its messages begin with the module's name."""
_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


@click.command("lint", epilog="Example: harness lint --serving --strict; harness lint --sarif > lint.sarif")
@settings(_SETTINGS)
@click.option(
    "--dialect",
    type=click.Choice([each.value for each in Dialect]),
    default=Dialect.TOOLKIT.value,
    help="Who computes SM_*: the image's toolkit (SDK v2, boto3) or SDK v3's drivers.",
)
@click.option("--toolkit-version", type=click.Choice(TOOLKIT_VERSIONS), help="The image's, if not given.")
@click.option("--serving", is_flag=True, help="The model is going to be served: what fails in its server is an error.")
@click.option("--strict", is_flag=True, help="End with 1 for warnings as well.")
@click.option("--sarif", is_flag=True, help="One SARIF 2.1.0 document on stdout, for code scanning.")
@common
def command(
    dialect: str,
    toolkit_version: str | None,
    serving: bool,
    strict: bool,
    sarif: bool,
    config_file: Path | None,
    as_json: bool,
    **flags: Any,
) -> int:
    """Tell what in the training script will behave differently on SageMaker. Nothing of it is run or imported.

    Ends with 0 if no error is found, with 1 otherwise. `# harness: ignore[ID]` on a line silences a rule there.
    """
    if as_json and sarif:
        raise UsageError("--json and --sarif are two documents; ask for one of them.")
    from harness.lint import Severity, known_rules, lint

    config = configure(config_file, flags)
    report = lint(config, dialect=Dialect(dialect), toolkit=toolkit_version, serving=serving)
    if sarif:
        from harness.lint.sarif import to_sarif

        console.print_json(to_sarif(report.findings, known_rules(), lambda name: _uri(config, report, name)))
    elif as_json:
        console.print_json(_document(report))
    else:
        show(report, sys.stdout)
    bad = report.count(Severity.ERROR) + (report.count(Severity.WARNING) if strict else 0)
    return 1 if bad else 0


def show(report: Report, stream: TextIO, *, notes: bool = True) -> None:
    """Findings as lines that editors and people read; a count at the end."""
    shown = [finding for finding in report.findings if notes or finding.severity != "note"]
    for finding in shown:
        _line(report, finding, stream)
    counts = {severity: report.count(severity) for severity in dict.fromkeys(each.severity for each in shown)}
    worst_first = sorted(counts.items(), key=lambda item: [*_COLOURS].index(item[0]))
    text = ", ".join(f"{number} {severity}{'s' * (number != 1)}" for severity, number in worst_first)
    if text or notes:
        click.echo(console.styled(text or "Nothing found.", stream, bold=True), file=stream)


def before_sending(config: Config) -> None:
    """What `harness train --on remote` looks at first: warnings are shown, errors stop it.

    Raises:
        ConfigurationError: an error is found.
    """
    from harness.lint import Severity, lint

    report = lint(config)
    show(report, sys.stderr, notes=False)
    errors = report.count(Severity.ERROR)
    if errors:
        raise ConfigurationError(
            f"The script would fail on SageMaker: {errors} error{'s' * (errors > 1)} found by harness lint. "
            "Nothing was sent. --no-lint sends it all the same."
        )


def after_failing(config: Config, module: str | None = None) -> None:
    """What `harness train` tells of a job that has failed: the errors in its script, one of which may be the reason.

    Args:
        config: the job's.
        module: what it could not import; of that lint may have given no more than a warning.
    """
    from harness.lint import Severity, lint

    with suppress(HarnessError):  # the job has failed, and that is what there is to say
        report = lint(config)
        reasons = tuple(each for each in report.findings if each.severity is Severity.ERROR or _is_of(each, module))
        if reasons:
            click.echo("harness lint says of the script:", err=True)
            show(report._replace(findings=reasons), sys.stderr)


def _is_of(finding: Finding, module: str | None) -> bool:
    return module is not None and finding.rule == _IMPORTS and finding.message.startswith((f"{module} ", f"{module}."))


def _line(report: Report, finding: Finding, stream: TextIO) -> None:
    path, message, remedy = (
        console.printable(text, keep="") for text in (_path(report, finding.path), finding.message, finding.remedy)
    )
    place = console.styled(f"{path}:{finding.line}:{finding.column}", stream, bold=True)
    mark = console.styled(finding.rule, stream, fg=_COLOURS[finding.severity], bold=True)
    click.echo(f"{place}: {mark} {finding.severity}: {message}", file=stream)
    click.echo(console.styled(f"    {remedy}", stream, dim=True), file=stream)


def _document(report: Report) -> dict[str, Any]:
    from harness.lint import Severity

    return {
        "Findings": [
            {
                "Rule": each.rule,
                "Severity": each.severity,
                "Message": each.message,
                "Remedy": each.remedy,
                "Path": _path(report, each.path),
                "Line": each.line,
                "Column": each.column,
            }
            for each in report.findings
        ],
        "Counts": {severity: report.count(severity) for severity in Severity},
    }


def _path(report: Report, name: str) -> str:
    """A file of the source as people here would type it."""
    path = report.modules.files.get(name)
    return console.readable(path.absolute().as_uri()) if path else name


def _uri(config: Config, report: Report, name: str) -> str:
    """A file of the source as a repository names it."""
    from urllib.parse import quote

    path = report.modules.files.get(name)
    relative = os.path.relpath(path, config.project_dir) if path else name
    return quote(relative.replace(os.sep, "/"))
