"""What is said of an option that a verb does not have: where that is set, or that it may be the script's."""

from __future__ import annotations

import click

from harness.config.schema import SETTINGS
from harness.config.settings import variables


def with_remedy(error: click.NoSuchOption) -> click.NoSuchOption:
    """The same error, with what to do instead where that is known."""
    if error.ctx is None or not error.option_name.startswith("--"):
        return error
    verb, name = str(error.ctx.info_name), error.option_name.removeprefix("--").replace("-", "_")
    trains = any(option.name == "hyperparameters" for option in error.ctx.command.params)
    key = next((key for key in (f"{verb}.{name}", name if trains else "") if key in SETTINGS), None)
    if key is not None:
        read = variables(key, SETTINGS[key])
        where = f"{key} in [tool.harness]" + (f", or {read[0]}" if read else "")
        return click.NoSuchOption(error.option_name, f"{error.message} It is set as {where}.", ctx=error.ctx)
    if trains:
        given = f"--hyperparameter {error.option_name.removeprefix('--')}=VALUE"
        message = f"{error.message} If it is the script's: {given}."
        return click.NoSuchOption(error.option_name, message, error.possibilities, error.ctx)
    return error
