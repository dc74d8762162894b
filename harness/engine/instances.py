"""What an instance type has: CPUs and memory, from AWS's own tables of EC2 instance types."""

from __future__ import annotations

from typing import NamedTuple


class Hardware(NamedTuple):
    """What an instance, or a machine, has."""

    cpus: int
    memory: int
    """Bytes."""


_GIB = 1 << 30
_GIB_PER_CPU = {
    **dict.fromkeys(("c5", "c5d", "c6i", "c7i", "c7i-flex", "c8i", "c8i-flex"), 2.0),
    **dict.fromkeys(("m4", "m5", "m5d", "m6i", "m7i", "m7i-flex", "m8i", "m8i-flex", "t2", "t3"), 4.0),
    **dict.fromkeys(("r5", "r5d", "r6i", "r7i", "r8i", "r8i-flex"), 8.0),
    **dict.fromkeys(("g4dn", "g5", "g6"), 4.0),
    "c4": 1.875,
    "c5n": 2.625,
    "g6e": 8.0,
}
_EXCEPTIONS = {
    "c4.8xlarge": (36, 60.0),
    "c5n.9xlarge": (36, 96.0),
    "c5n.18xlarge": (72, 192.0),
    "t2.medium": (2, 4.0),
    "t3.medium": (2, 4.0),
}


def hardware(instance_type: str) -> Hardware | None:
    """What ``ml.m5.large`` and the like have; None for a type that is not known here."""
    family, _, size = instance_type.removeprefix("ml.").partition(".")
    if exception := _EXCEPTIONS.get(f"{family}.{size}"):
        return Hardware(exception[0], int(exception[1] * _GIB))
    cpus = _cpus(size)
    if cpus is None or family not in _GIB_PER_CPU:
        return None
    return Hardware(cpus, int(cpus * _GIB_PER_CPU[family] * _GIB))


def _cpus(size: str) -> int | None:
    """``large`` has 2, ``xlarge`` 4, ``12xlarge`` 48."""
    number, found, rest = size.partition("xlarge")
    if not found or rest:
        return 2 if size == "large" else None
    return 4 * int(number or 1) if not number or number.isdigit() else None
