"""Tags by ARN."""

from __future__ import annotations

import pytest

from harness.errors import ServiceError
from harness.standin.tags import Tags


def tags(count):
    return [{"Key": f"k{number}", "Value": "v"} for number in range(count)]


def test_tags_survive_the_stand_in(tmp_path):
    Tags(tmp_path / "state/tags.json").add("arn", tags(1))
    assert Tags(tmp_path / "state/tags.json").list("arn") == {"Tags": tags(1)}


def test_tags_come_in_pages(tmp_path):
    kept = Tags(tmp_path / "tags.json")
    kept.add("arn", tags(3))
    assert kept.list("arn", limit=2) == {"Tags": tags(2), "NextToken": "2"}
    assert kept.list("arn", first=2, limit=2) == {"Tags": tags(3)[2:]}


@pytest.mark.parametrize("change", [lambda kept: kept.remove("arn", ["k0"]), lambda kept: kept.forget("arn")])
def test_what_is_removed_is_gone_and_what_is_another_resources_stays(tmp_path, change):
    kept = Tags(tmp_path / "tags.json")
    kept.add("arn", tags(1))
    kept.add("other", tags(1))
    change(kept)
    assert (kept.list("arn"), kept.list("other")) == ({"Tags": []}, {"Tags": tags(1)})


def test_a_resource_has_fifty_tags_at_most(tmp_path):
    kept = Tags(tmp_path / "tags.json")
    kept.add("arn", tags(50))
    kept.add("arn", tags(50))
    with pytest.raises(ServiceError, match="51 tags"):
        kept.add("arn", [{"Key": "other", "Value": "v"}])
    assert kept.list("arn", limit=100) == {"Tags": tags(50)}
