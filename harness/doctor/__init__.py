"""What this machine can run, and what to do about the rest.

Each area of the machine is looked at by a module of its own, which yields checks; nothing is changed, nothing heavy is
imported, and nobody on a network is asked unless told to (a Docker engine counts as part of the machine).
"""

from harness.doctor.checks import NEEDS, Check, Diagnosis, Status
from harness.doctor.diagnosis import diagnose

__all__ = ["NEEDS", "Check", "Diagnosis", "Status", "diagnose"]
