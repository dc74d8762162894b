"""AWS's patterns, matched as Java matches them."""

import pytest

from harness import service_model
from harness.validation.patterns import matches

TAG = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"
ATHENA = r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("[a-z]+", "abc"),
        (TAG, ""),
        (TAG, "cost-centre=42 @ a/b:c_d.e+f"),
        pytest.param(TAG, "Größe", id="letters of any script: Latin with marks"),
        pytest.param(TAG, "機械学習", id="letters of any script: Han"),
        pytest.param(TAG, "٣४", id="digits of any script"),
        pytest.param(TAG, "a\u00a0b\u2003c", id="separators: no-break and em space"),
        pytest.param(ATHENA, "x\U00010000\U0001f600\U0010ffff\t", id="surrogate pairs are code points"),
        (r"arn:[\p{Alnum}\-]+:lambda", "arn:aws-cn:lambda"),
        (".*", "a b\tc"),
        (r"[\S\s]*", "a\nb"),
        (r"a\.b", "a.b"),
        ("[.]", "."),
    ],
)
def test_a_text_matches(pattern: str, text: str) -> None:
    assert matches(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        pytest.param("[a-z]+", "abcD", id="the end counts"),
        pytest.param("[a-z]+", "1abc", id="the beginning counts"),
        pytest.param("[a-z]+", "abc\n", id="a newline at the end is not forgiven"),
        pytest.param("a|b", "ab", id="an alternative is the whole text"),
        pytest.param(r"[\p{N}]+[a-z]", "1é", id="a letter of any script is not of a range"),
        (TAG, "a#b"),
        (TAG, "a✓b"),
        pytest.param(TAG, "e\u0301", id="a combining mark is no letter"),
        pytest.param(r"arn:[\p{Alnum}\-]+:lambda", "arn:äws:lambda", id="Alnum is ASCII"),
        pytest.param(r"\d{2}", "٣٣", id="digits are ASCII"),
        pytest.param(r"\w+", "é", id="word characters are ASCII"),
        pytest.param(ATHENA, "\x07", id="below the range"),
        *(
            pytest.param(".*", f"a{terminator}b", id=f"a dot stops at U+{ord(terminator):04X}")
            for terminator in "\n\r\u0085\u2028\u2029"
        ),
        (r"a\.b", "axb"),
        ("[.]", "x"),
    ],
)
def test_a_text_does_not_match(pattern: str, text: str) -> None:
    assert not matches(pattern, text)


def test_every_pattern_of_the_service_model_can_be_matched() -> None:
    patterns = {shape["pattern"] for shape in service_model.load().shapes.values() if "pattern" in shape}
    assert len(patterns) > 50
    for pattern in patterns:
        assert matches(pattern, "\ud7ff\x00") in (True, False)
