"""What is said of a model that cannot be served: the versions that trained it, and what lint knows of its script."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace

import click

from harness.cli import drift, lint
from harness.config import Config
from harness.errors import HarnessError
from harness.submission import Submission

_RULES = ("HRN0", "HRN5", "HRN6")
"""Those of syntax, of serving and of packages: what they find matters where a model is served."""


def explain(config: Config, data: str, submission: Submission) -> None:
    """Say on stderr why a model may not be served.

    Args:
        config: where it is served, and by which script.
        data: URI of the model.
        submission: the endpoint or the batch transform job.
    """
    if told := drift.told(config, data, submission):
        click.echo(told, err=True)
    errors_of_script(config)


def errors_of_script(config: Config) -> None:
    """The errors in the script that serves which a server may meet."""
    from harness.lint import Severity
    from harness.lint import lint as look

    deploy = config.deploy
    if config.entry_point is None or deploy.source_dir not in (None, config.source_dir):  # there is no more to look at
        config = replace(
            config,
            entry_point=deploy.entry_point or config.entry_point,
            source_dir=deploy.source_dir or config.source_dir,
            deploy=type(deploy)(),
        )
    with suppress(HarnessError):  # the model is not served, and that is what there is to say
        report = look(config, serving=True)
        errors = (each for each in report.findings if each.severity is Severity.ERROR)
        found = tuple(each for each in errors if each.rule.startswith(_RULES))
        if found:
            click.echo("harness lint says of the script:", err=True)
            lint.show(report._replace(findings=found), sys.stderr)
