"""Names that a server on the loopback may be called by: only those whose address no stranger decides.

Loopback keeps other machines out, but not the user's browser: a page of ``http://evil.example:8080`` may send what it
likes to this machine's port 8080, and read the answers, once its name's address has become 127.0.0.1 (DNS rebinding).
What it cannot do is to hide that name: browsers send it as ``Host``.
"""

from __future__ import annotations

import re

_OF_THIS_MACHINE = re.compile(
    r"""(?: \d+(?:\.\d+){3} | \[[0-9a-f:.]+\]                           # an address
        | [^.:@/]+                                                      # localhost, or a host of a container network
        | (?:[^.:@/]+\.)+localhost                                      # RFC 6761
        | (?:host|gateway)\.docker\.internal | host\.containers\.internal  # this machine, in a container's words
        )?\.?(?::\d+)?""",
    re.IGNORECASE | re.VERBOSE,
)


def is_of_this_machine(host: str) -> bool:
    """Whether a ``Host`` header is an address, or a name of this machine or its containers; so is none at all."""
    return _OF_THIS_MACHINE.fullmatch(host) is not None
