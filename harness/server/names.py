"""Who may ask a server on the loopback: it keeps other machines out, but not a page that the user's browser has open.

A page of ``http://evil.example:8080`` may send what it likes to this machine's port 8080, and read the answers, once
its name's address has become 127.0.0.1 (DNS rebinding); any page may send it what a form could. What neither can do is
to hide that: browsers send the name as ``Host``, and whose page it is as ``Sec-Fetch-Site`` (W3C, Fetch Metadata).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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


def is_of_another_site(environ: Mapping[str, Any]) -> bool:
    """Whether a browser says that it asks for a page that is not the server's own."""
    return environ.get("HTTP_SEC_FETCH_SITE", "none") not in {"none", "same-origin"}
