"""What can be imported in a job: the image's packages, and what ``requirements.txt`` adds.

The image's packages are those of its pins. A distribution is imported under its own name but for those named here; the
table was read off the built images, and what it holds beyond them are packages that people often install.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from harness import images

_IMPORTED_AS = {
    "beautifulsoup4": ("bs4",),
    "faiss-cpu": ("faiss",),
    "gitpython": ("git",),
    "imbalanced-learn": ("imblearn",),
    "multi-model-server": ("mms",),
    "opencv-python": ("cv2",),
    "opencv-python-headless": ("cv2",),
    "pillow": ("PIL",),
    "protobuf": ("google",),
    "psycopg2-binary": ("psycopg2",),
    "pynacl": ("nacl",),
    "python-dateutil": ("dateutil",),
    "python-dotenv": ("dotenv",),
    "pyyaml": ("yaml",),
    "sagemaker-containers": ("sagemaker_containers", "gethostname"),
    "sagemaker-training": ("sagemaker_training", "gethostname"),
    "sagemaker-scikit-learn-container": ("sagemaker_sklearn_container",),
    "scikit-image": ("skimage",),
    "scikit-learn": ("sklearn",),
    "setuptools": ("setuptools", "pkg_resources"),
    "zope-event": ("zope",),
    "zope-interface": ("zope",),
}
ALWAYS = ("pip", "multi-model-server", "sagemaker-scikit-learn-container")
"""In the image without a pin of ours: pip by way of Python, the other two because AWS's own has them."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Requirements(NamedTuple):
    """A ``requirements.txt``, as far as names go."""

    distributions: frozenset[str]
    """Normalised names."""
    whole: bool
    """Whether every line is a name: ``-r other.txt``, URLs and paths are not."""


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
        if not line:
            continue
        match = _NAME.match(line)
        if match is None or "://" in line.partition("@")[0] or "/" in match.group():
            whole = False
        else:
            names.add(normalised(match.group()))
    return Requirements(frozenset(names), whole)


def imported(distributions: Iterable[str]) -> frozenset[str]:
    """Top-level names under which distributions can be imported."""
    found: set[str] = set()
    for name in distributions:
        found |= set(_IMPORTED_AS.get(name, (name.replace("-", "_"), name.replace("-", ""))))
    return frozenset(found)


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()
