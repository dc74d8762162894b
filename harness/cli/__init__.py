"""The command line: verbs, options, how things look. Decides nothing.

Each verb is a module, imported when it is called; ``harness --help`` imports none of them.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from harness import __version__
from harness.cli.console import complain, print_error
from harness.errors import HarnessError, Interrupted, OutputClosed, UsageError

VERBS = {
    "train": ("harness.cli.train", "Run a training job."),
    "process": ("harness.cli.process", "Run a processing job: feature engineering."),
    "transform": ("harness.cli.transform", "Run a batch transform job."),
    "deploy": ("harness.cli.deploy", "Serve a model at an endpoint."),
    "invoke": ("harness.cli.invoke", "Ask an endpoint for predictions."),
    "delete-endpoint": ("harness.cli.delete_endpoint", "End an endpoint."),
    "plan": ("harness.cli.plan", "Print the request that would be sent."),
    "contract": ("harness.cli.contract", "Print what a script would see."),
    "parity": ("harness.cli.parity", "Compare what a job sees and does on several targets, and on AWS."),
    "lint": ("harness.cli.lint", "What in the script will behave differently on SageMaker."),
    "standin": ("harness.cli.standin", "AWS on loopback, to try everything without an account."),
    "image": ("harness.cli.image", "Build, show or pull the image that containers run."),
    "doctor": ("harness.cli.doctor", "What this machine can run, and what to do about the rest."),
    "runs": ("harness.cli.runs", "List, show, follow and stop jobs."),
    "clean": ("harness.cli.clean", "Remove what killed jobs left behind."),
}


class _Verbs(click.Group):
    """A group whose commands are modules with an attribute ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(VERBS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS:
            from difflib import get_close_matches

            near = get_close_matches(args[0], VERBS, 1)
            hint = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(VERBS)}."
            ctx.fail(f"No verb {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            from harness.cli.unknown import with_remedy

            raise with_remedy(error) from None
        except click.UsageError as error:
            from harness.cli.unknown import refuse_without_equals

            refuse_without_equals(error)
            raise
        except BrokenPipeError:  # whoever read us has read enough, as `head` does; click would call it a failure
            raise click.exceptions.Exit(OutputClosed.exit_code) from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise HarnessError(f"There is no room on the disk for {error.filename or 'the output'}.") from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, help) for name, (_, help) in VERBS.items()])


@click.group(
    cls=_Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: harness train --on local --hyperparameter max_leaf_nodes=30",
)
@click.version_option(__version__, prog_name="harness")
def harness() -> None:
    """One SageMaker script-mode job, unchanged: as a plain process, in containers, on AWS."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the job failed, 2 usage or configuration, … (``harness.errors``)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _open_closed_streams()
    try:
        code = _exit_code(arguments)
    except BrokenPipeError:
        code = OutputClosed.exit_code
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:  # which the interpreter would meet once more as it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            code = code or (OutputClosed.exit_code if isinstance(error, BrokenPipeError) else HarnessError.exit_code)
    # The interpreter looks through all objects once more as it ends; nothing of ours needs that.
    gc.freeze()
    sys.exit(code)


def _open_closed_streams() -> None:
    """A shell's ``>&-`` leaves no stream at all; what is opened next would take its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115


def _exit_code(arguments: list[str]) -> int:
    """Run a verb; what goes wrong is said, and in ``--json`` is a document too."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json = "--json" in own
    try:
        code = harness.main(arguments, prog_name="harness", standalone_mode=False)
    except HarnessError as error:
        complain(error, as_json=as_json)
        return error.exit_code
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        if as_json:
            print_error(UsageError(error.format_message()))
        error.show()
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        complain(Interrupted("interrupted"), as_json=as_json)
        return Interrupted.exit_code
    return code if isinstance(code, int) else 0
