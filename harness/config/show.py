"""The configuration for people: every value with its source, and the text of ``.env.example``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from harness.config.schema import SETTINGS, TABLES, Config
from harness.config.settings import Source, default_of, kind, settings, variables


class Row(NamedTuple):
    """One value as `explain` shows it."""

    key: str
    value: object
    """As JSON has it; None where nothing is set."""
    source: Source


def explain(config: Config) -> Iterator[Row]:
    """Every value with its source, mappings entry by entry.

    A hyperparameter or variable that is named like a credential is shown without its value, and so is what holds it.
    """
    from harness.credentials import REDACTED, looks_secret, without_secrets

    rows: list[Row] = []
    named: dict[str, object] = {}
    for key, declared in SETTINGS.items():
        value: Any = config
        for part in key.split("."):
            value = getattr(value, part)
        if not kind(declared).startswith("Mapping["):
            rows.append(Row(key, _plain(value), config.sources[key]))
            continue
        entries = {f"{key}.{name}": _plain(entry) for name, entry in value.items()}
        rows += [Row(name, entry, config.sources[name]) for name, entry in entries.items()]
        if key == "hyperparameters" or key.endswith("environment"):
            named |= entries
    for row in rows:
        hidden = row.key in named and looks_secret(row.key)
        yield row._replace(value=REDACTED if hidden else without_secrets(row.value, named))


def _plain(value: object) -> object:
    """A value as JSON has it; a channel is its URI, or a table with what differs from the default."""
    if type(value).__name__ in TABLES:
        first, *_ = declared = settings(type(value))
        said = {name: _plain(getattr(value, name)) for name in declared}
        unlike = {n: v for n, v in said.items() if n == first or v != _plain(default_of(declared[n]))}
        return unlike if len(unlike) > 1 else unlike[first]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def env_example() -> str:
    """The text of ``.env.example``: every setting that a variable can give, as a comment with its default."""
    lines = [
        "# Copy to .env and set what differs for you or this machine. .env is not for git.",
        "# Stronger: the environment, then flags. Weaker: [tool.harness] in pyproject.toml.",
        "# Lists and tables are JSON. Relative paths start from this folder.",
    ]
    section = ""
    for key, declared in SETTINGS.items():
        table = key.rpartition(".")[0]
        if table != section:
            section = table
            lines += ["", f"# [tool.harness.{table}]: {settings(Config)[table].metadata['help']}"]
        name, *aliases = variables(key, declared) or ("",)
        if not name:
            continue
        choices = declared.metadata["choices"]
        help = declared.metadata["help"] + (f" One of: {', '.join(choices)}." if choices else "")
        if aliases:
            help += f" Else {' or '.join(aliases)} is read."
        lines += ["", f"# {help}", f"#{name}={_as_text(default_of(declared))}"]
    return "\n".join(lines) + "\n"


def _as_text(value: object) -> str:
    import json

    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value)
