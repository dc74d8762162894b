"""What an engine says to users of ``--on``, said to users of the stand-in."""

from __future__ import annotations

import pytest

from harness.standin.operations import from_here


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("VpcConfig: no VPC; try --on remote", "VpcConfig: no VPC; AWS itself has it"),
        ("one host here; try --on remote, or use 1", "one host here; AWS itself has it, or use 1"),
        ("Leave it out, or try --on local", "Leave it out, or start the stand-in with --executor local"),
        ("The data is not there", "The data is not there"),
    ],
)
def test_advice_is_such_as_a_client_of_the_stand_in_can_follow(said, told):
    assert from_here(said) == told
