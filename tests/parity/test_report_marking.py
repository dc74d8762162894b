"""Two values side by side: nothing is lost, nothing is invented, and what differs is what is marked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.parity.report.marking import LARGEST, LONG, Side, side_by_side, visible

ANY_TEXT = st.text(st.characters(), max_size=80)  # lone surrogates too: a variable of a POSIX system may hold them
WORDS = st.lists(st.sampled_from(["algo", "-", "1", " ", "\n", "é"]), max_size=10).map("".join)


def marked(side: Side) -> list[str]:
    return [piece.text for piece in side.pieces if piece.kind == "changed"]


def shown(side: Side) -> str:
    return "".join(piece.text for piece in side.pieces)


@pytest.mark.parametrize(
    ("expected", "seen", "left", "right"),
    [
        ("algo-1", "algo-1-x7k2p", [], ["-x7k2p"]),
        (0.9667, 0.9333, ["9667"], ["9333"]),
        ("/opt/ml/model", "/runs/j/ml/model", ["opt"], ["runs/j"]),
        ("same", "same", [], []),
        (False, True, ["false"], ["true"]),
        ("1", 1, [], []),
    ],
    ids=lambda value: repr(value),
)
def test_marks_the_words_that_differ_and_no_others(expected, seen, left, right):
    ours, theirs = side_by_side(expected, seen)
    assert ("".join(marked(ours)), "".join(marked(theirs))) == ("".join(left), "".join(right))


def test_tells_what_is_not_there_from_what_is_empty():
    nothing, empty = side_by_side(None, "")
    assert nothing.absent
    assert not empty.absent
    assert empty.length == 0


def test_gives_each_member_of_two_json_documents_a_line_and_marks_only_what_differs():
    one = {"hosts": ["algo-1"], "network_interface_name": "eth0", "current_host": "algo-1", "groups": []}
    ours, theirs = side_by_side(json.dumps(one), json.dumps({**one, "network_interface_name": "ethwe"}))
    assert shown(ours).count("\n") > 3
    assert (marked(ours), marked(theirs)) == (["eth0"], ["ethwe"])


def test_shows_json_as_it_stands_when_only_its_layout_differs():
    ours, theirs = side_by_side('{"a":1}', '{"a": 1}')
    assert (shown(ours), shown(theirs)) == ('{"a":1}', '{"a": 1}')
    assert marked(theirs) == [" "]


def test_a_long_value_has_an_excerpt_around_the_first_difference():
    text = "word " * 2000
    ours, theirs = side_by_side(text, text[:5000] + "other " + text[5000:])
    excerpt = "".join(piece.text for piece in theirs.excerpt)
    assert "other" in excerpt
    assert len(excerpt) < LONG
    assert shown(theirs) == text[:5000] + "other " + text[5000:]
    assert ours.length == 10_000


def test_an_endless_value_is_shown_where_it_differs():
    text = "x" * 400_000
    _, theirs = side_by_side(text, f"{text[:300_000]} here {text[300_000:]}")
    assert "here" in shown(theirs)
    assert len(shown(theirs)) == LARGEST
    assert theirs.left_out == 400_006 - LARGEST


def test_thousands_of_equal_words_do_not_take_minutes():
    ours, theirs = side_by_side("x" + "a b " * 20_000, "x" + "b a " * 20_000)
    assert marked(ours)
    assert marked(theirs)


def test_marks_nothing_where_long_values_have_nothing_in_common():
    ours, theirs = side_by_side("[0.25, 0.75]", "Internal" * 10)
    assert marked(ours) == marked(theirs) == []


@given(ANY_TEXT, ANY_TEXT)
def test_loses_and_invents_nothing(expected, seen):
    ours, theirs = side_by_side(expected, seen)
    if not (expected[:1] in "{[" and seen[:1] in "{["):
        assert (shown(ours), shown(theirs)) == (visible(expected), visible(seen))


@given(WORDS, WORDS)
def test_what_is_not_marked_is_the_same_on_both_sides(expected, seen):
    unmarked = [
        "".join(piece.text for piece in side.pieces if piece.kind == "same") for side in side_by_side(expected, seen)
    ]
    assert unmarked[0] == unmarked[1]


@given(ANY_TEXT)
def test_what_is_visible_can_be_written_and_does_not_turn_the_text_around(text):
    written = visible(text).encode()
    assert not [character for character in "\u202e\u2066\u200b\x1b\x00\r" if character.encode() in written]
