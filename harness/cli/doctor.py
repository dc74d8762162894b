"""``harness doctor``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from harness.cli import console
from harness.cli.options import common, configure, settings
from harness.doctor import NEEDS, Check, Diagnosis, Status, diagnose
from harness.errors import MissingCapability

_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.MISSING: "red"}
_WIDEST = 120


@click.command("doctor", epilog="Example: harness doctor --on container")
@click.option("--online", is_flag=True, help="Ask AWS, too, whether it accepts the credentials.")
@settings(("framework_version", "image_uri", "role", "region", "profile", "python", "isolation"))
@common
def command(online: bool, config_file: Path | None, as_json: bool, **flags: Any) -> int:
    """What this machine can run, and what to do about the rest. Ends with 4 if the target (`--on`) cannot run."""
    config = configure(config_file, flags)
    found = diagnose(config, online=online)
    if as_json:
        console.print_json(_document(config.on, found))
    else:
        _show(config.on, found)
    return 0 if found.can_run(config.on) else MissingCapability.exit_code


def _document(on: str, found: Diagnosis) -> dict[str, Any]:
    return {
        "On": on,
        "CanRun": {target: found.can_run(target) for target in NEEDS},
        "Checks": [
            {
                "Area": each.area,
                "Name": each.name,
                "Status": each.status.value,
                "Finding": each.finding,
                "Remedy": each.remedy or None,
            }
            for each in found.checks
        ],
    }


def _show(on: str, found: Diagnosis) -> None:
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    areas, names = (max(len(text) for text in column) for column in zip(*_labels(found), strict=True))
    before = ""
    for each in found.checks:
        area = "" if each.area == before else each.area
        before = each.area
        _row(f"{area:<{areas}}  ", f"{each.name:<{names}}  ", each, width)
    click.echo()
    for target in NEEDS:
        lacking = ", ".join(each.name for each in found.lacks(target))
        verdict = f"needs {lacking}" if lacking else "can run"
        line = f"--on {target:<9}  {console.styled(verdict, sys.stdout, fg='red' if lacking else 'green')}"
        click.echo(console.styled(line, sys.stdout, bold=True) if target == on else line)


def _labels(found: Diagnosis) -> Iterator[tuple[str, str]]:
    return ((each.area, each.name) for each in found.checks)


def _row(area: str, name: str, check: Check, width: int) -> None:
    from textwrap import wrap

    mark = f"{check.status.value:<7}  "
    indent = len(area) + len(mark) + len(name)
    room = max(width - indent, 20)
    lines = wrap(check.finding, room, break_on_hyphens=False)
    coloured = console.styled(mark, sys.stdout, fg=_COLOURS[check.status])
    click.echo(f"{area}{coloured}{name}{lines[0]}")
    for line in lines[1:]:
        click.echo(" " * indent + line)
    # A command is not broken into lines by us: it is there to be copied.
    if check.remedy:
        click.echo(console.styled(" " * len(area) + f"-> {check.remedy}", sys.stdout, fg="cyan"))
