"""Several places put together: what each says is checked, the stronger wins, each value keeps its source."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import Field
from pathlib import Path
from typing import Any, NamedTuple

from harness.config.settings import DEFAULT, Location, Source, default_of, kind, nearest, settings


class Layer(NamedTuple):
    """What one place says."""

    place: str
    title: str
    """As shown before a key: a file's name, ``environment``, …"""
    values: Mapping[str, object]
    """Key to value; a table (``process``, ``hyperparameters``) is a mapping in itself."""
    base: Path
    """The folder that relative paths start from."""
    names: Mapping[str, str] = {}
    """Dotted key to the name under which this place has it, where that differs: variables, flags."""

    @property
    def shown(self) -> str:
        """The place as an error names it."""
        return self.title or "command line"

    def source(self, key: str) -> Source:
        """The source of one value of this layer."""
        name = self.name(key)
        if self.place == "file":
            return Source(self.place, self.title)
        return Source(self.place, f"{self.title} {name}" if self.title else name)

    def name(self, key: str) -> str:
        """What this place calls a setting: the nearest name given for it or for the table that holds it."""
        known = key
        while known:
            if known in self.names:
                return self.names[known]
            known = known.rpartition(".")[0]
        return key


class Wrong(ValueError):
    """A value is not what its setting takes; the text says what it takes."""


def location(text: str, base: Path) -> Location:
    """A path (relative to ``base``) or URI as an absolute ``file://`` or ``s3://`` URI.

    Raises:
        Wrong: another scheme, or a ``file://`` URI that does not begin with a slash.
    """
    if "://" not in text:
        try:
            return absolute(text, base).as_uri()
        except UnicodeEncodeError as error:
            raise Wrong("a path in Unicode") from error
    if text.startswith(("s3://", "file:///")):
        return text
    raise Wrong("a path, an s3:// URI or a file:/// URI")


def absolute(text: str, base: Path) -> Path:
    """A path as an absolute one; ``~`` is the user's home. Nothing needs to exist."""
    if not text or "\0" in text:
        raise Wrong("a path")
    try:
        return Path(os.path.abspath(base / Path(text).expanduser()))  # noqa: PTH100 - resolve() follows links
    except RuntimeError as error:
        raise Wrong(f"a path ({error})") from error


def _text(raw: object, base: Path) -> str:
    if not isinstance(raw, str):
        raise Wrong("text")
    return raw


def _integer(raw: object, base: Path) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise Wrong("an integer")
    return raw


def _number(raw: object, base: Path) -> float:
    if not isinstance(raw, int | float) or isinstance(raw, bool):
        raise Wrong("a number")
    return float(raw)


def _boolean(raw: object, base: Path) -> bool:
    if not isinstance(raw, bool):
        raise Wrong("true or false")
    return raw


def _path(raw: object, base: Path) -> Path:
    if isinstance(raw, Path):
        raw = str(raw)
    if not isinstance(raw, str) or "://" in raw:
        raise Wrong("a path")
    return absolute(raw, base)


def _location(raw: object, base: Path) -> Location:
    if not isinstance(raw, str):
        raise Wrong("a path, an s3:// URI or a file:/// URI")
    return location(raw, base)


def _anything(raw: object, base: Path) -> object:
    return raw


_CONVERSIONS = {
    "str": _text,
    "int": _integer,
    "float": _number,
    "bool": _boolean,
    "Path": _path,
    "Location": _location,
    "object": _anything,
}


class Merge:
    """One pass over all layers. Collects every problem before anything is said."""

    def __init__(self, tables: Mapping[str, type]) -> None:
        self.tables = tables
        """The dataclasses that stand for tables, by the name that annotations use."""
        self.problems: list[str] = []
        self.sources: dict[str, Source] = {}

    def table(self, schema: type, layers: Sequence[Layer], prefix: str = "") -> dict[str, Any]:
        """The values of one table, complete with defaults, as keyword arguments of its dataclass.

        Args:
            schema: the dataclass.
            layers: the places, the weakest first.
            prefix: of the table's keys, with its dot.
        """
        declared = settings(schema)
        said: set[str | None] = {key for layer in layers for key in layer.values}
        for layer in layers:
            for key in layer.values:
                if key not in declared:
                    said.add(self._unknown(layer, prefix, key, list(declared)))
        for name, each in declared.items():
            if each.metadata["required"] and name not in said:
                self.problems.append(f"{layers[-1].shown}: {prefix}{name} is missing")
        return {name: self._setting(prefix + name, name, f, layers) for name, f in declared.items()}

    def _setting(self, key: str, name: str, declared: Field[Any], layers: Sequence[Layer]) -> Any:
        said = [layer for layer in layers if name in layer.values]
        if kind(declared) in self.tables:
            inner = [layer._replace(values=values) for layer in said if (values := self._mapping(layer, key, name))]
            schema = self.tables[kind(declared)]
            return schema(**self.table(schema, inner, f"{key}."))
        if kind(declared).startswith("Mapping["):
            merged: dict[str, Any] = {}
            for layer in said:
                for entry, raw in self._mapping(layer, key, name).items():
                    merged[entry] = self._checked(layer, f"{key}.{entry}", declared, raw)
            return merged
        value = default_of(declared)
        self.sources[key] = DEFAULT
        for layer in said:
            value = self._checked(layer, key, declared, layer.values[name])
        return value

    def _mapping(self, layer: Layer, key: str, name: str) -> Mapping[str, object]:
        raw = layer.values[name]
        if isinstance(raw, Mapping):
            return raw
        self._problem(layer, key, "a table" if layer.place == "file" else "a JSON object", raw)
        return {}

    def _checked(self, layer: Layer, key: str, declared: Field[Any], raw: object) -> Any:
        self.sources[key] = layer.source(key)
        try:
            value = self._convert(layer, key, kind(declared).removeprefix("Mapping[str, ").removesuffix("]"), raw)
        except Wrong as wrong:
            self._problem(layer, key, str(wrong), raw)
            return raw
        choices, minimum, maximum = (declared.metadata[name] for name in ("choices", "minimum", "maximum"))
        if choices and value not in choices:
            self._problem(layer, key, f"one of {', '.join(choices)}", raw)
        if minimum is not None and value < minimum:
            self._problem(layer, key, f"at least {minimum}", raw)
        if maximum is not None and value > maximum:
            self._problem(layer, key, f"at most {maximum}", raw)
        return value

    def _convert(self, layer: Layer, key: str, wanted: str, raw: object) -> Any:
        if wanted.startswith("tuple["):
            if not isinstance(raw, list | tuple):
                raise Wrong("a list")
            inner = wanted.removeprefix("tuple[").removesuffix("]").removesuffix(", ...")
            return tuple(self._element(layer, key, index, inner, item) for index, item in enumerate(raw))
        if wanted in self.tables:
            schema = self.tables[wanted]
            first = next(iter(settings(schema)))
            values = raw if isinstance(raw, Mapping) else {first: raw}
            entry = Merge(self.tables)
            made = entry.table(schema, [layer._replace(values=values)], f"{key}.")
            self.problems += entry.problems
            return schema(**made)
        return _CONVERSIONS[wanted](raw, layer.base)

    def _element(self, layer: Layer, key: str, index: int, wanted: str, raw: object) -> Any:
        try:
            return self._convert(layer, f"{key}[{index}]", wanted, raw)
        except Wrong as wrong:
            self._problem(layer, key, str(wrong), raw, f"[{index}]")
            return raw

    def _problem(self, layer: Layer, key: str, expected: str, raw: object, at: str = "") -> None:
        # The value of a variable that a job gets may be a secret, and messages end up in logs.
        got = _type_name(raw) if "environment" in key else f"{_type_name(raw)} {raw!r}"
        remedy = _remedy(expected, raw)
        self.problems.append(f"{layer.shown}: {layer.name(key)}{at}: expected {expected}, got {got}{remedy}")

    def _unknown(self, layer: Layer, prefix: str, key: str, known: Sequence[str]) -> str | None:
        """Tell of a key that is no setting; the one that is meant, if it is told."""
        near = nearest(key, known)
        if near:
            hint = f"did you mean {prefix}{near}?"
        else:  # entries of a channel stand in no list of settings
            hint = f"there are {', '.join(known)}" if prefix else "`harness plan --sources` lists them all"
        self.problems.append(f"{layer.shown}: {prefix}{key} is not a setting; {hint}")
        return near


def _remedy(expected: str, raw: object) -> str:
    """How a value may have been meant, in the words of TOML and JSON alike."""
    if expected == "text" and isinstance(raw, int | float):
        return "; put it in quotes"
    if expected == "a list" and isinstance(raw, str):
        import json

        return f"; write {json.dumps(raw.replace(',', ' ').split(), ensure_ascii=False)}"
    return ""


def _type_name(raw: object) -> str:
    if isinstance(raw, bool):
        return "boolean"
    if isinstance(raw, Mapping):
        return "table"
    names = {str: "text", int: "integer", float: "number", list: "list", tuple: "list"}
    return names.get(type(raw), type(raw).__name__)
