"""``harness plan``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness import requests, service_model, validation
from harness.cli import console
from harness.cli.options import TRAINING, common, configure, settings
from harness.cli.request import document_or, job_name
from harness.config import explain


@click.command("plan", epilog="Example: harness plan --on remote | less; harness plan --sources")
@settings(TRAINING)
@click.option("--request", "document", metavar="FILE|-", help="Check this CreateTrainingJob document instead.")
@click.option("--sources", is_flag=True, help="Show where each value of the configuration came from.")
@common
def command(document: str | None, sources: bool, config_file: Path | None, as_json: bool, **flags: Any) -> None:
    """Print the request that `harness train` would send, checked against AWS's rules. Nothing is sent or started."""
    config = configure(config_file, flags)
    if sources:
        rows = list(explain(config))
        if as_json:
            console.print_json({row.key: {"Value": row.value, "Source": str(row.source)} for row in rows})
        else:
            _show(rows)
        return
    request = document_or(
        document, "CreateTrainingJob", lambda: requests.create_training_job(config, job_name=job_name(config))
    )
    console.print_json(request)
    sys.stdout.flush()
    model = service_model.load(config.project_dir / ".harness" / "cache")
    validation.check("CreateTrainingJob", request, local=config.on != "remote", model=model)


def _show(rows: list[Any]) -> None:
    shown = [(row.key, "" if row.value is None else str(row.value), str(row.source)) for row in rows]
    keys, values = (max(len(row[column]) for row in shown) for column in (0, 1))
    for key, value, source in shown:
        line = f"{key:<{keys}}  {value:<{min(values, 48)}}  {source}"
        click.echo(console.styled(line, sys.stdout, dim=source == "default"))
