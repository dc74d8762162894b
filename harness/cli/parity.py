"""``harness parity``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from harness.cli import console
from harness.cli.lint import after_failing
from harness.cli.options import COMPARED, configure, settings, typed_again
from harness.config import Config
from harness.errors import ConfigurationError, JobFailed, UsageError

_COLOURS = {"agrees": "green", "known": "cyan", "accepted": "cyan", "differs": "red"}
_COMPARISON = ("parity.sample", "parity.rows", "parity.content_type", "parity.deadline", "parity.tolerance")
_MACHINE = ("python", "isolation", "instance_limits", "role", "region", "profile")


@click.command("parity", epilog="Example: harness parity --on local,container --html parity.html")
@click.option(
    "--on",
    "on",
    multiple=True,
    metavar="TARGET,…",
    help="Targets to compare; all that this machine can run if not given.",
)
@settings((*_COMPARISON, *COMPARED, *_MACHINE))
@click.option(
    "--accept",
    "accepted",
    multiple=True,
    nargs=4,
    metavar="ASPECT WHERE TARGET REASON",
    help="A difference that is all right; WHERE and TARGET may be patterns.",
)
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="File for the report as a page.")
@click.option(
    "--passport",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that says what was compared, for harness train --require-passport.",
)
@click.option("--github", is_flag=True, help="Annotations of a GitHub workflow run on stdout.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with [tool.harness]; the nearest pyproject.toml if not given.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def command(
    on: tuple[str, ...],
    accepted: tuple[tuple[str, str, str, str], ...],
    page: Path | None,
    passport: Path | None,
    github: bool,
    config_file: Path | None,
    as_json: bool,
    **flags: Any,
) -> int:
    """Run the training job and a probe on several targets, and compare what it sees and what comes out.

    Each target is held against what AWS promises, and against the others. Ends with 3 if a difference is neither known
    nor accepted in the configuration.
    """
    from harness.parity import consistency, run
    from harness.parity import passport as passports
    from harness.parity.report import document, terminal

    if github and as_json:
        raise UsageError("--github and --json both write to stdout; give one of them.")
    if page is not None and not page.parent.is_dir():  # found out now, and not after all the runs
        raise ConfigurationError(f"--html {page} cannot be written: there is no folder {page.parent}.")

    def configured(target: str) -> Config:
        return configure(config_file, {**flags, "on": target})

    config = configured("local")
    flags["parity.accept"] = [*_as_tables(config), *(_table(*each) for each in accepted)]
    asked = tuple(name for each in on for name in each.split(",")) or config.parity.on
    about = passports.identity(config) if passport is not None else {}
    tell = (lambda text: None) if as_json else _tell
    report = run.run(configured, run.targets(asked), asked=bool(asked), check=consistency.check, tell=tell)
    told = document.document(report)
    if page is not None:
        _write(page, told)
    if passport is not None:
        passports.write(passport, config, about, told)
    if as_json:
        console.print_json(told)
    elif github:
        from harness.parity.report import github as annotations

        click.echo(annotations.render(told))
    else:
        click.echo(terminal.render(told, style=_style))
    file = ["--config", str(config_file)] if config_file else []
    code = _exit_code(told, [*file, *typed_again(config, flags, COMPARED)], shown=not (as_json or github))
    if code == JobFailed.exit_code:
        after_failing(config)
    return code


def _as_tables(config: Config) -> list[dict[str, str]]:
    return [_table(each.aspect, each.where, each.target, each.reason) for each in config.parity.accept]


def _table(aspect: str, where: str, target: str, reason: str) -> dict[str, str]:
    return {"aspect": aspect, "where": where, "target": target, "reason": reason}


def _tell(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(console.styled(text, sys.stderr, dim=True), err=True)


def _style(text: str, state: str) -> str:
    return console.styled(text, sys.stdout, fg=_COLOURS.get(state))


def _write(page: Path, told: Mapping[str, Any]) -> None:
    from harness.parity.report import html

    try:
        page.write_text(html.render(told), "utf-8")
    except OSError as error:
        raise ConfigurationError(f"--html {page} cannot be written: {error.strerror}.") from error


def _exit_code(told: Mapping[str, Any], options: Sequence[str], *, shown: bool) -> int:
    """3 if the targets differ; 1 if they agree in that the job does not complete.

    ``options`` make it this job; ``shown``: people have read already why it fails.
    """
    if told["Verdict"] != "agrees":
        return 3
    ran = [each for each in told["Targets"] if each["State"] == "ran"]
    failed = next((each for each in ran if each["JobStatus"] != "Completed"), None)
    if failed is None:
        return 0
    reason = failed["FailureReason"] or "it was stopped after its deadline"
    where = "on every target alike" if len(ran) > 1 else f"on {failed['Name']}"
    what = f"The job does not complete {where}{'.' if shown and failed['FailureReason'] else f': {reason}'}"
    train = shlex.join(["harness", "train", "--on", failed["Name"], *options])
    hint = f"`{train}` shows all that it prints."
    console.complain(JobFailed(f"{what}\n{hint}"), as_json=False)
    return 1
