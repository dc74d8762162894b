"""From options to a request: the configuration's, or a whole document of the user's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from harness import submission
from harness.cli.options import OF_THIS_MACHINE, flags_given
from harness.config import Config
from harness.errors import ConfigurationError, UsageError
from harness.submission import Submission


def prepare(config: Config, kind: str, document: str | None) -> Submission:
    """A job's request: ``document`` if given (a file, or ``-`` for stdin), else what the configuration makes.

    Raises:
        ConfigurationError: the document cannot be read, or the configuration does not make a request.
        RequestError: the document breaks one of AWS's rules; what the configuration makes may do so still.
        UsageError: there is a document, and options that would change it.
    """
    if document is not None:
        without_effect = [flag for key, flag in flags_given(config).items() if key not in OF_THIS_MACHINE]
        if without_effect:
            raise UsageError(
                f"--request is a whole request, which {', '.join(without_effect)} would not change. Leave that out, or "
                "change the document."
            )
        request = read(document, f"Create{kind}")
        submission.check(config, f"Create{kind}", request)
        return Submission(kind, request)
    return submission.job(config, kind)


def read(document: str, operation: str) -> dict[str, Any]:
    """A whole request of the user's, from a file or, as ``-``, from stdin.

    Raises:
        ConfigurationError: it cannot be read, or is no JSON object.
    """
    import json

    from harness.contract.comparison import flattened

    try:
        text = sys.stdin.read() if document == "-" else Path(document).read_text("utf-8")
        request = json.loads(text)
        flattened(request)  # whoever looks through it later can do so
    except OSError as error:
        raise ConfigurationError(f"--request {document}: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigurationError(f"--request {document} is not JSON: {error}.") from None
    except RecursionError:
        raise ConfigurationError(f"--request {document} is nested deeper than any {operation} request.") from None
    if not isinstance(request, dict):
        raise ConfigurationError(f"--request {document} is not a JSON object with the members of {operation}.")
    return request
