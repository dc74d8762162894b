"""What is said of an option that a verb does not have: its spelling, where it is set, or that it may be the script's.

And of ``NAME VALUE``, which to a parser of options is one value and something more.
"""

from __future__ import annotations

import click

from harness.cli.options import pairs
from harness.config.schema import SETTINGS
from harness.config.settings import flag_of, variables


def with_remedy(error: click.NoSuchOption) -> click.NoSuchOption:
    """The same error, with what to do instead where that is known."""
    if error.ctx is None or not error.option_name.startswith("--"):
        return error
    verb, name = str(error.ctx.info_name), error.option_name.removeprefix("--").replace("-", "_")
    options = {option.name for option in error.ctx.command.params}
    trains = "hyperparameters" in options
    key = next((key for key in (f"{verb}.{name}", name if trains else "") if key in SETTINGS), None)
    if key is not None and key.replace(".", "__") in options:
        return click.NoSuchOption(
            error.option_name, f"{error.message} It is {flag_of(key, SETTINGS[key])}.", ctx=error.ctx
        )
    if key is not None:
        read = variables(key, SETTINGS[key])
        where = f"{key} in [tool.harness]" + (f", or {read[0]}" if read else "")
        return click.NoSuchOption(error.option_name, f"{error.message} It is set as {where}.", ctx=error.ctx)
    if trains:
        given = f"--hyperparameter {error.option_name.removeprefix('--')}=VALUE"
        message = f"{error.message} If it is the script's: {given}."
        return click.NoSuchOption(error.option_name, message, error.possibilities, error.ctx)
    return error


def refuse_without_equals(error: click.UsageError) -> None:
    """Name the option whose value has no ``=``, if that is why words are left over.

    Raises:
        UsageError: it has none.
    """
    if error.ctx is None:
        return
    for option in error.ctx.command.params:
        if isinstance(option, click.Option) and str(option.metavar).startswith("NAME="):
            pairs(option.opts[0], error.ctx.params.get(str(option.name)) or ())
