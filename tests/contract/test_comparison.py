"""Two observed contracts are compared place by place, and JSON in a value leaf by leaf."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.contract.comparison import Difference, compare, flattened

TEXTS = st.text(max_size=20)
FACTS = st.dictionaries(st.sampled_from(["environment", "user"]), st.dictionaries(TEXTS, TEXTS, max_size=5))
LEAVES = st.none() | st.booleans() | st.integers() | TEXTS
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3))


@given(FACTS)
def test_a_contract_does_not_differ_from_itself(facts):
    assert not list(compare(facts, facts, whole=("environment",)))


@given(FACTS, FACTS)
def test_there_is_a_difference_exactly_where_a_place_differs(one, other):
    differing = {aspect for aspect in one if one[aspect] != other.get(aspect, {})}

    assert {each.aspect for each in compare(one, other, whole=tuple(one))} == differing


def test_a_difference_has_both_values():
    (found,) = compare({"environment": {"A": "1"}}, {"environment": {"A": "2"}})

    assert found == Difference("environment", "A", expected="1", seen="2")


def test_what_is_missing_was_not_seen():
    (found,) = compare({"environment": {"A": "1"}}, {})

    assert (found.expected, found.seen) == ("1", None)


SEEN = {"environment": {"B": "1"}}


class TestWhatNobodyExpects:
    def test_is_a_difference_in_an_aspect_that_is_known_whole(self):
        (found,) = compare({"environment": {}}, SEEN, whole=("environment",))

        assert found == Difference("environment", "B", expected=None, seen="1")

    def test_is_none_in_another_one(self):
        assert not list(compare({"environment": {}}, SEEN))

    def test_is_none_in_an_aspect_of_which_nothing_is_expected(self):
        assert not list(compare({}, SEEN, whole=("environment",)))


class TestJson:
    def differences(self, expected: object, seen: object) -> list[Difference]:
        texts = (each if isinstance(each, str) else json.dumps(each) for each in (expected, seen))
        one, other = ({"environment": {"SM_X": text}} for text in texts)
        return list(compare(one, other))

    def test_is_told_apart_by_its_leaves(self):
        expected = {"hosts": ["algo-1"], "name": "x", "same": 1}
        seen = {"hosts": ["algo-1-abc"], "same": 1, "more": None}

        assert self.differences(expected, seen) == [
            Difference("environment", "SM_X.hosts[0]", "algo-1", "algo-1-abc"),
            Difference("environment", "SM_X.more", None, "null"),
            Difference("environment", "SM_X.name", "x", None),
        ]

    def test_of_the_same_values_written_otherwise_is_a_difference_as_a_whole(self):
        (found,) = self.differences('{"a":1}', '{"a": 1}')

        assert (found.where, found.expected, found.seen) == ("SM_X", '{"a":1}', '{"a": 1}')

    @pytest.mark.parametrize("seen", ["[]", "{}", "no JSON", "{broken", "3"])
    def test_against_something_of_another_kind_is_a_difference_as_a_whole(self, seen):
        (found,) = self.differences('["algo-1"]', seen)

        assert (found.where, found.seen) == ("SM_X", seen)

    @given(VALUES, VALUES)
    def test_never_hides_a_difference(self, one, other):
        assert bool(self.differences(one, other)) == (json.dumps(one) != json.dumps(other))


@pytest.mark.parametrize(
    ("value", "leaves"),
    [
        ({"a": {"b": [1, True]}}, {"a.b[0]": "1", "a.b[1]": "true"}),
        ({"a": {}, "b": []}, {"a": "{}", "b": "[]"}),
        ("text", {"": "text"}),
        ({"a": None}, {"a": "null"}),
    ],
    ids=["nested", "empty", "text", "null"],
)
def test_the_leaves_of_a_value_are_named_by_their_paths(value, leaves):
    assert flattened(value) == leaves
