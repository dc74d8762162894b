"""What can be imported in a job: the image's packages, and what ``requirements.txt`` adds.

The image's packages are those of its pins. A distribution is imported under its own name but for those named here; the
table was read off the built images, and what it holds beyond them are packages that people often install. Of any other
its files tell, where it is installed on this machine.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from harness import images

_IMPORTED_AS = {
    "attrs": ("attr", "attrs"),
    "beautifulsoup4": ("bs4",),
    "faiss-cpu": ("faiss",),
    "gitpython": ("git",),
    "hydra-core": ("hydra",),
    "imbalanced-learn": ("imblearn",),
    "multi-model-server": ("mms",),
    "mysqlclient": ("MySQLdb",),
    "opencv-contrib-python": ("cv2",),
    "opencv-python": ("cv2",),
    "opencv-python-headless": ("cv2",),
    "pillow": ("PIL",),
    "protobuf": ("google",),
    "psycopg2-binary": ("psycopg2",),
    "pyjwt": ("jwt",),
    "pymupdf": ("fitz", "pymupdf"),
    "pynacl": ("nacl",),
    "python-dateutil": ("dateutil",),
    "python-dotenv": ("dotenv",),
    "python-json-logger": ("pythonjsonlogger",),
    "pyyaml": ("yaml",),
    "ruamel-yaml": ("ruamel",),
    "sagemaker-containers": ("sagemaker_containers", "gethostname"),
    "sagemaker-training": ("sagemaker_training", "gethostname"),
    "sagemaker-scikit-learn-container": ("sagemaker_sklearn_container",),
    "scikit-image": ("skimage",),
    "scikit-learn": ("sklearn",),
    "scikit-learn-extra": ("sklearn_extra",),
    "scikit-learn-intelex": ("sklearnex", "daal4py"),
    "scikit-optimize": ("skopt",),
    "scikit-plot": ("scikitplot",),
    "scikit-survival": ("sksurv",),
    "setuptools": ("setuptools", "pkg_resources", "distutils"),
    "umap-learn": ("umap",),
    "xgboost-cpu": ("xgboost",),
    "zope-event": ("zope",),
    "zope-interface": ("zope",),
}
ALWAYS = ("pip", "multi-model-server", "sagemaker-scikit-learn-container")
"""In the image without a pin of ours: pip by way of Python, the other two because AWS's own has them."""
_MODEL_SELECTION = "Import it from sklearn.model_selection."
_FROM_ESTIMATOR = "Use {}Display.from_estimator of sklearn.metrics."
_GONE: Mapping[str, str] = {
    "sklearn.cross_validation": _MODEL_SELECTION,
    "sklearn.datasets.load_boston": "Give the data as a channel.",
    "sklearn.externals.joblib": "Write import joblib.",
    "sklearn.externals.six": "Write import six.",
    "sklearn.grid_search": _MODEL_SELECTION,
    "sklearn.learning_curve": _MODEL_SELECTION,
    "sklearn.metrics.plot_confusion_matrix": _FROM_ESTIMATOR.format("ConfusionMatrix"),
    "sklearn.metrics.plot_precision_recall_curve": _FROM_ESTIMATOR.format("PrecisionRecall"),
    "sklearn.metrics.plot_roc_curve": _FROM_ESTIMATOR.format("RocCurve"),
    "sklearn.preprocessing.Imputer": "Use SimpleImputer of sklearn.impute.",
}
"""What scripts still import from scikit-learn that it had before 1.4, the oldest whose pins are here -> what to do."""
_LEFT_312 = frozenset({"asynchat", "asyncore", "distutils", "imp", "smtpd"})
_LEFT_313 = frozenset(
    {
        *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "nis", "nntplib"),
        *("ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib"),
    }
)
Version = tuple[int, ...]
FIRST_FOR_312: Mapping[str, Version] = {
    "numpy": (1, 26),
    "pandas": (2, 1, 1),
    "scikit-learn": (1, 3, 1),
    "scipy": (1, 11, 2),
}
"""The first versions that have wheels for Python 3.12, which every image has whose pins are here."""
FIRST_WITHOUT_NUMPY_1 = (1, 18)
"""Of scipy: what it calls is not in a numpy before 2."""
_FILES = ("-r", "--requirement", "-c", "--constraint", "-e", "--editable")
_INSTALL = ("-r", "--requirement", "-e", "--editable")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*==\s*(\d+(?:\.\d+)*)")
_INFO = ".dist-info"
_REQUIRES = "Requires-Dist:"
_SHORTEST = 3
"""Letters of a name that are enough to know it again in another."""


class Requirements(NamedTuple):
    """A ``requirements.txt``, as far as names go."""

    distributions: frozenset[str]
    """Normalised names."""
    whole: bool
    """Whether every line that installs something is a name: ``-r other.txt``, URLs and paths are not."""


def image_distributions(version: str) -> frozenset[str] | None:
    """Distributions of a framework version's image, normalised; None where its pins are not here."""
    pins = Path(images.__file__).parent / "sklearn" / f"{version}.txt"
    if not pins.is_file():
        return None
    return requirements(pins.read_text("utf-8")).distributions | set(ALWAYS)


def requirements(text: str) -> Requirements:
    """The distributions that a ``requirements.txt`` names."""
    names, whole = set(), True
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if not line or (line.startswith("-") and not line.startswith(_INSTALL)):
            continue
        match = _NAME.match(line)
        if match is None or "://" in line.partition("@")[0] or "/" in match.group():
            whole = False
        else:
            names.add(normalised(match.group()))
    return Requirements(frozenset(names), whole)


class Pin(NamedTuple):
    """``name==version``, and nothing else, on a line of its own."""

    name: str
    """Normalised."""
    version: Version
    text: str
    line: int


def pins(text: str) -> dict[str, Pin]:
    """What a ``requirements.txt`` pins, by name; nothing where an option may say where else to look for it."""
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    if any(line.startswith("-") for line in lines):
        return {}
    found = ((number, match) for number, line in enumerate(lines, 1) if (match := _PIN.fullmatch(line)))
    each = (Pin(normalised(match[1]), _version(match[2]), f"{match[1]} {match[2]}", at) for at, match in found)
    return {pin.name: pin for pin in each}


def _version(text: str) -> Version:
    return tuple(map(int, text.split(".")))


def image_pins(version: str) -> dict[str, Pin]:
    """What a framework version's image has of what it pins."""
    return pins((Path(images.__file__).parent / "sklearn" / f"{version}.txt").read_text("utf-8"))


def local_paths(text: str) -> Iterator[tuple[int, str]]:
    """Lines of a ``requirements.txt`` that name a file or a folder: the line's number, and the path.

    ``name @ file:///…``, ``-e ../mine``, ``./wheels/mine.whl``, ``-r more.txt``. Lines with a marker are passed over.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition(" #")[0].strip()
        if not line or line.startswith("#") or ";" in line:
            continue
        option, _, rest = line.partition("=" if line.startswith("--") and "=" in line else " ")
        named = rest.strip() if option in _FILES else line
        _, at, address = named.partition("@")
        named = address.strip() if at and "file:" in address else named
        if named.startswith("file:"):
            yield number, "/" + named.removeprefix("file:").lstrip("/")
        elif named and "://" not in named and (named.startswith(("/", "./", "../")) or option in _FILES):
            yield number, named.split()[0].partition("[")[0]


def imported(distributions: Iterable[str]) -> frozenset[str]:
    """Top-level names under which distributions can be imported."""
    found: set[str] = set()
    for name in distributions:
        found |= set(_IMPORTED_AS.get(name, (name.replace("-", "_"), name.replace("-", ""))))
    return frozenset(found)


class Installed(NamedTuple):
    """What distributions bring, as far as they are installed on this machine."""

    modules: frozenset[str]
    """Top-level names that they, and what they require themselves, can be imported by."""
    unknown: frozenset[str]
    """Those that are not installed here, of which nobody knows what comes with them."""


def installed(names: Collection[str], folders: Iterable[str]) -> Installed:
    """What distributions bring, by the metadata of those that lie in some folders.

    Read as the text that it is: ``importlib.metadata`` takes longer than all of lint.

    Args:
        names: normalised names.
        folders: where packages are installed: ``sys.path``, ``site-packages`` of other environments.
    """
    places = _places(folders)
    modules: set[str] = set()
    waiting, seen, there = list(names), set(names), set()
    while waiting:
        name = waiting.pop()
        brings = _top_level(places[name]) if name in places else set()
        if brings:
            there.add(name)
            modules |= brings
            required = set(_required(places[name]))
            waiting += required - seen
            seen |= required
    return Installed(frozenset(modules), frozenset(names) - there)


def _places(folders: Iterable[str]) -> Mapping[str, Path]:
    """Normalised name of a distribution -> the folder of its metadata."""
    found: dict[str, Path] = {}
    for folder in dict.fromkeys(folders):
        with suppress(OSError):  # no folder, or not for us
            for entry in os.listdir(folder):
                if entry.endswith(_INFO):
                    found.setdefault(normalised(entry.partition("-")[0]), Path(folder, entry))
    return found


def _required(info: Path) -> Iterator[str]:
    """What a distribution requires, for whatever extras and machines: too much is better than too little."""
    for line in _text(info / "METADATA").splitlines():
        if line.startswith(_REQUIRES) and (match := _NAME.match(line.removeprefix(_REQUIRES).strip())):
            yield normalised(match.group())
        elif not line:  # the description begins
            return


def _top_level(info: Path) -> set[str]:
    """What a distribution can be imported by: as it declares it, else by its files."""
    declared = _text(info / "top_level.txt").split()
    if declared:
        return set(declared)
    first = {line.partition(",")[0].partition("/")[0] for line in _text(info / "RECORD").splitlines()}
    if any(name.endswith(".pth") for name in first):
        return set()  # an editable installation's own lie elsewhere
    return {name.partition(".")[0] for name in first if not name.startswith(".") and not name.endswith(_INFO)}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def resembles(module: str, distribution: str) -> bool:
    """Whether a distribution's name has a module's in it: ``zmq`` in ``pyzmq``, ``slugify`` in ``python-slugify``."""
    plain, whole = module.lower().replace("_", ""), distribution.replace("-", "")
    return plain in distribution.split("-") or (len(plain) >= _SHORTEST and plain in whole)


def standard_library() -> frozenset[str]:
    """Top-level modules of Python 3.12, which every image has whose pins are here, whatever Python this is."""
    return (frozenset(sys.stdlib_module_names) | _LEFT_313) - _LEFT_312


def gone(dotted: str) -> tuple[str, str] | None:
    """What of an imported name the images' scikit-learn has no longer, and what to do; None: nothing is known."""
    found = next((name for name in _GONE if f"{dotted}.".startswith(f"{name}.")), None)
    return (found, _GONE[found]) if found else None


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
