"""What instance types have, as AWS's pages of EC2 instance types list it."""

import pytest

from harness.engine.instances import hardware

GIB = 1 << 30


@pytest.mark.parametrize(
    ("instance_type", "cpus", "memory"),
    [
        ("ml.m5.large", 2, 8),
        ("ml.m5.xlarge", 4, 16),
        ("ml.m5.24xlarge", 96, 384),
        ("ml.m4.10xlarge", 40, 160),
        ("ml.c5.18xlarge", 72, 144),
        ("ml.c4.xlarge", 4, 7.5),
        ("ml.c4.8xlarge", 36, 60),
        ("ml.c5n.xlarge", 4, 10.5),
        ("ml.c5n.18xlarge", 72, 192),
        ("ml.r5.2xlarge", 8, 64),
        ("ml.m7i-flex.8xlarge", 32, 128),
        ("ml.t3.medium", 2, 4),
        ("ml.t3.2xlarge", 8, 32),
        ("ml.g4dn.12xlarge", 48, 192),
        ("ml.g5.48xlarge", 192, 768),
    ],
)
def test_an_instance_has_its_cpus_and_its_memory(instance_type, cpus, memory):
    assert hardware(instance_type) == (cpus, memory * GIB)


@pytest.mark.parametrize(
    "unknown", ["local", "ml.z9.large", "ml.m5.huge", "ml.m5", "", "ml.m5.xlargex", "ml.m5.-xlarge"]
)
def test_of_a_type_that_is_not_known_nothing_is_claimed(unknown):
    assert hardware(unknown) is None
