"""Image drift: versions here against those in the image, where a model has to load in both. The checks are pure."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files

from harness.doctor.checks import Check, Status
from harness.engine.interpreter import LIBRARIES, Interpreter
from harness.images import IMAGES
from harness.images.build import context, versions

AREA = "local"

_DECISIVE = {"scikit-learn": 2, "pandas": 1, "numpy": 1, "joblib": 1}
"""How many of a version's numbers have to agree for a pickle to load. scikit-learn supports no other version than the
one that pickled and changes its estimators with each minor one; numpy 1 does not know the modules that pickles of
numpy 2 name; pandas and joblib keep to theirs within a major version."""
_IMPORTED = ("scipy", "pyarrow", "boto3", "requests", "pyyaml", "cloudpickle")
"""What else a script imports from the image; pandas reads Parquet by pyarrow. The rest of the pins are needed by these,
or are the toolkit's, of which some have to be compiled."""


def pinned(framework_version: str) -> dict[str, str]:
    """Versions of the libraries in AWS's image, as far as they are known; empty for an unknown image."""
    if framework_version in versions():
        pins = _pins(framework_version)
        return {name: pins[name] for name in LIBRARIES if name in pins}
    image = IMAGES.get(framework_version)
    return {"scikit-learn": image.scikit_learn, "numpy": image.numpy} if image else {}


def loads(library: str, one: str, other: str) -> bool:
    """Whether what one version of a library has pickled can be counted on to load in the other."""
    count = _DECISIVE[library]
    return one.split(".")[:count] == other.split(".")[:count]


def python(here: Interpreter, version: str | None, make: Callable[[str, str], str], server: Sequence[str]) -> Check:
    """The script's Python against the one in the image.

    Args:
        here: the script's.
        version: the framework version; None: an image of the user's own.
        make: the command that makes an environment of a version of Python in a folder.
        server: what an environment needs beside the image's libraries, to serve a model.
    """
    there = _another(here, version)
    if version is None or there is None:
        return Check(AREA, "python", Status.OK, f"{here.version} ({here.path})")
    made = f".venv-{version}/bin/python"
    return Check(
        AREA,
        "python",
        Status.WARN,
        f"{here.version}, but {there} in the image of {version}: syntax and packages may differ",
        f'{make(there, f".venv-{version}")}; {_equip(made, version, server)}; and python = "{made}" in [tool.harness]',
    )


def libraries(here: Interpreter, version: str | None) -> Check:
    """The libraries of the script's interpreter against those in the image, as ``python`` does it."""
    there = pinned(version) if version else {}
    # The image's libraries may not exist for another Python than the image's.
    instead = "the environment above has them as in the image" if _another(here, version) else None
    return compare(here.versions(), there, instead or _install(here.path, there or {"scikit-learn": ""}))


def compare(here: Mapping[str, str], there: Mapping[str, str], remedy: str) -> Check:
    """Versions here against versions in the image, each by name.

    Args:
        here: what is installed.
        there: as ``pinned`` returns it.
        remedy: what makes the one the other.
    """
    if "scikit-learn" not in here:
        finding = "scikit-learn is not installed for the script's interpreter: a script that imports it fails"
        return Check(AREA, "libraries", Status.WARN, finding, remedy)
    if not there:
        finding = f"{_listed(here)}; whether models load in the image is not known"
        return Check(AREA, "libraries", Status.OK, finding)
    if absent := [name for name in there if name not in here]:
        finding = f"{', '.join(absent)} not installed for the script's interpreter, but in the image"
        return Check(AREA, "libraries", Status.WARN, finding, remedy)
    if (broken := risk(here, there)) is not None:
        return Check(AREA, "libraries", Status.WARN, broken, remedy)
    differs = [name for name in there if here[name] != there[name]]
    if not differs:
        return Check(AREA, "libraries", Status.OK, f"{_listed(here)}, as in the image")
    warned = ", with a warning" if "scikit-learn" in differs else ""
    return Check(AREA, "libraries", Status.OK, f"{_pairs(differs, here, there)}: models load in both{warned}")


def risk(here: Mapping[str, str], there: Mapping[str, str]) -> str | None:
    """What may keep a model that was pickled in one of two places from loading in the other; None if nothing."""
    both = [name for name in there if name in here]
    broken = [name for name in both if not loads(name, here[name], there[name])]
    return f"{_pairs(broken, here, there)}: a model pickled in one may not load in the other" if broken else None


def _another(here: Interpreter, version: str | None) -> str | None:
    """The image's Python where it is not the script's; None too where it is not known."""
    there = IMAGES[version].python if version in IMAGES else None
    return there if there and here.version.split(".")[:2] != there.split(".") else None


def _install(python: str, pins: Mapping[str, str], beside: Iterable[str] = ()) -> str:
    named = [f"{name}=={number}" if number else name for name, number in pins.items()]
    return " ".join([python, "-m pip install", *named, *beside])


def _equip(python: str, version: str, server: Sequence[str]) -> str:
    """The command that installs what scripts find in the image, and the server, all in the image's versions."""
    if version not in versions():
        return _install(python, pinned(version), server)
    pins = _pins(version)
    named = [name for name in (*LIBRARIES, *_IMPORTED) if name in pins]
    constraints = str(files("harness.images") / "sklearn" / f"{version}.txt")
    return shlex.join([python, "-m", "pip", "install", "-c", constraints, *named, *server])


def _pins(framework_version: str) -> dict[str, str]:
    lines = context(framework_version)["pins.txt"].decode().splitlines()
    return dict(line.split("==", 1) for line in lines if "==" in line)


def _listed(found: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in found.items())


def _pairs(names: Iterable[str], here: Mapping[str, str], there: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {here[name]} (image: {there[name]})" for name in names)
