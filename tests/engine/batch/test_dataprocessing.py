"""Filters, and the join of records with what the model made of them."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.batch.dataprocessing import DataProcessing
from harness.engine.batch.records import MiniBatch, RecordError
from harness.errors import ConfigurationError

CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"


def request(
    content_type=CSV,
    accept=None,
    split_type="Line",
    assemble_with="Line",
    input_filter="$",
    join=None,
    output_filter="$",
):
    return {
        "TransformInput": {"ContentType": content_type, "SplitType": split_type},
        "TransformOutput": {"Accept": content_type if accept is None else accept, "AssembleWith": assemble_with},
        "DataProcessing": {"InputFilter": input_filter, "JoinSource": join or "None", "OutputFilter": output_filter},
    }


def processing(*args, **kwargs):
    wanted = DataProcessing.from_request(request(*args, **kwargs))
    assert wanted
    return wanted


def batch(body, count=None, first=1):
    return MiniBatch(first, len(body.splitlines()) if count is None else count, body)


@pytest.mark.parametrize(
    "wanted", [{}, {"InputFilter": "$"}, {"JoinSource": "None"}, {"InputFilter": "", "OutputFilter": " $ "}]
)
def test_a_request_that_changes_nothing_needs_no_processing(wanted):
    document = {"TransformInput": {"ContentType": "image/png"}, "TransformOutput": {}, "DataProcessing": wanted}
    assert DataProcessing.from_request(document) is None
    assert DataProcessing.from_request({"TransformInput": {}, "TransformOutput": {}}) is None


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("$[1:]", b"7,5.1,3.5\n8,4.9,3.0\n", b"5.1,3.5\n4.9,3.0\n"),
        ("$[0]", b"a,b\n", b"a\n"),
        ("$[-1,0]", b"a,b,c\n", b"c,a\n"),
        ("$[*]", b"a,b\n", b"a,b\n"),
        ("$[1:]", b'x,"a, b",1', b'"a, b",1'),
        ("$[1:]", b"x,1\r\ny,2\r\n", b"1\n2\n"),
        ("$[1:]", b"x,\xff\n", b"\xff\n"),
        ("$[0]", b'"say ""hi""",2\n', b'"say ""hi"""\n'),
    ],
)
def test_the_model_sees_the_columns_that_the_input_filter_selects(path, body, expected):
    assert processing(input_filter=path).request_body(batch(body)) == expected


@pytest.mark.parametrize(
    ("kind", "path", "body", "expected"),
    [
        (LINES, "$.features", b'{"id":1,"features":[1,2]}\n{"id":2,"features":[3]}\n', b"[1,2]\n[3]\n"),
        (LINES, "$['a','b']", '{"a":"é","b":null,"c":0}'.encode(), '{"a":"é","b":null}'.encode()),
        (JSON, "$.x[0]", b'{"x":[9,8]}\n{"x":[7]}\n', b"9\n7\n"),
        (JSON, "$[1:]", b"[1, 2.50, 3e2]\n", b"[2.5,300.0]\n"),
    ],
)
def test_the_model_sees_the_attributes_that_the_input_filter_selects(kind, path, body, expected):
    assert processing(kind, input_filter=path).request_body(batch(body)) == expected


def test_without_an_input_filter_the_request_is_the_input_to_the_byte():
    body = b' 1 , "2"\r\n3,4'
    assert processing(join="Input").request_body(batch(body)) is body


def test_without_join_and_output_filter_the_output_is_the_response_to_the_byte():
    response = b'"1"\r\n'
    assert processing(input_filter="$[1:]").output(batch(b"a,b\n"), response) is response


def test_a_row_of_the_response_is_appended_to_its_row():
    joined = processing(join="Input").output(batch(b"1,2,3\n4,5,6"), b"0,0.9\n1,0.8\n")
    assert joined == b"1,2,3,0,0.9\n4,5,6,1,0.8\n"


def test_an_identifier_can_be_kept_from_the_model_and_put_beside_its_prediction():
    wanted = processing(input_filter="$[1:]", join="Input", output_filter="$[0,-1]")
    rows = batch(b"id7,5.1,3.5\nid8,4.9,3.0\n")
    assert wanted.request_body(rows) == b"5.1,3.5\n4.9,3.0\n"
    assert wanted.output(rows, b"setosa\nvirginica\n") == b"id7,setosa\nid8,virginica\n"


@pytest.mark.parametrize(
    ("record", "result", "expected"),
    [
        ({"key": 1}, {"label": 1}, {"key": 1, "SageMakerOutput": {"label": 1}}),
        ({"SageMakerOutput": "old"}, 2, {"SageMakerOutput": 2}),
        ([1, 2], 3, {"SageMakerInput": [1, 2], "SageMakerOutput": 3}),
        ("text", [3], {"SageMakerInput": "text", "SageMakerOutput": [3]}),
        (None, None, {"SageMakerInput": None, "SageMakerOutput": None}),
    ],
)
@pytest.mark.parametrize("kind", [JSON, LINES])
def test_json_is_joined_in_an_object(kind, record, result, expected):
    body, response = (json.dumps(value).encode() for value in (record, result))
    assert json.loads(processing(kind, join="Input").output(batch(body), response)) == expected


def test_an_output_filter_of_several_names_makes_an_object():
    wanted = processing(LINES, join="Input", output_filter="$['id','SageMakerOutput']")
    output = wanted.output(batch(b'{"id":1,"x":5}\n{"id":2,"x":6}\n'), b'{"p":0}\n{"p":1}\n')
    assert output == b'{"id":1,"SageMakerOutput":{"p":0}}\n{"id":2,"SageMakerOutput":{"p":1}}\n'


def test_an_output_filter_without_join_is_applied_to_the_response():
    assert processing(output_filter="$[-1]").output(batch(b"1\n2\n"), b"a,b\nc,d\n") == b"b\nd\n"


def test_one_json_document_may_be_spread_over_lines():
    wanted = processing(JSON, split_type="None", assemble_with="None", join="Input")
    assert wanted.output(batch(b'{\n"a": 1\n}', count=1), b"[\n 2\n]\n") == b'{"a":1,"SageMakerOutput":[2]}'


def test_json_lines_that_are_not_split_are_still_records():
    wanted = processing(LINES, split_type="None", assemble_with="None", join="Input")
    output = wanted.output(batch(b"1\n2\n", count=1), b"3\n4")
    assert output == b'{"SageMakerInput":1,"SageMakerOutput":3}\n{"SageMakerInput":2,"SageMakerOutput":4}\n'


@pytest.mark.parametrize("response", [b"", b"1\n", b"1\n2\n3\n", b"1\n2\n\n"])
def test_a_response_with_another_number_of_records_cannot_be_joined(response):
    with pytest.raises(RecordError, match=r"request has 2 records and its response \d.*SingleRecord") as raised:
        processing(join="Input").output(batch(b"a\nb\n", first=41), response)
    assert raised.value.record == 41


@pytest.mark.parametrize(
    ("kind", "body", "path", "problem"),
    [
        (CSV, b"a,b\nc,d\ne\n", "$[1]", r"record 12: InputFilter \$\[1\]: index 1 is outside of 1 elements"),
        (CSV, b"a,b\nc,d\ne\n", "$[1:]", r"record 12: InputFilter \$\[1:\]: it selects nothing of 1 elements"),
        (CSV, b'a,b\nc,"d\ne\n', "$[0]", "record 11: is not CSV"),
        (CSV, b'a,b\n"c\nd",e\n', "$[0]", "record 11: is not CSV: a quoted cell goes on"),
        (JSON, b'{"x":1}\n{"x":2}\n{"y":3}\n', "$.x", "record 12: InputFilter .*no attribute 'x'; there are: y"),
        (JSON, b'{"x":1}\n\n{"x":3}\n', "$.x", "record 11: is not JSON"),
        (JSON, b'{"x":1}\n{"x":2}\n7\n', "$.x", "record 12: .*an object is expected where there is 7"),
        (JSON, b"[" * 100_000, "$.x", "record 10: is not JSON"),
        (JSON, b"\xff\xfe\xfa", "$.x", "record 10: is not JSON"),
    ],
)
def test_a_record_that_cannot_be_processed_is_named(kind, body, path, problem):
    with pytest.raises(RecordError, match=problem):
        processing(kind, input_filter=path).request_body(batch(body, first=10))


def test_an_index_outside_the_joined_row_is_an_error():
    wanted = processing(join="Input", output_filter="$[0,9]")
    with pytest.raises(RecordError, match=r"record 1: OutputFilter \$\[0,9\]: index 9 is outside of 3 elements"):
        wanted.output(batch(b"1,2\n"), b"0\n")


def test_a_response_that_cannot_be_read_is_named_as_such():
    with pytest.raises(RecordError, match="record 5: the model's response is not JSON"):
        processing(JSON, join="Input").output(batch(b"1\n2\n", first=4), b"1\n<html>\n")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"content_type": "image/png"}, "ContentType and Accept"),
        ({"accept": ""}, "they are text/csv and not set"),
        ({"accept": JSON}, "both text/csv"),
        ({"content_type": JSON, "accept": CSV}, "both text/csv"),
        ({"content_type": "text/csv; charset=utf-8"}, "ContentType and Accept"),
        ({"split_type": "None"}, "SplitType Line and AssembleWith Line"),
        ({"assemble_with": "None"}, "SplitType Line and AssembleWith Line"),
        ({"content_type": JSON, "split_type": "TFRecord"}, "SplitType TFRecord"),
        ({"output_filter": "$.id"}, "selected by index"),
        ({"input_filter": "$['a','b']"}, "selected by index"),
        ({"input_filter": "$[0][1]"}, "selected by index"),
        ({"input_filter": "$[0,5:]"}, "a range stands alone"),
        ({"content_type": JSON, "output_filter": "$['account_id']"}, "unexpected '_'"),
    ],
)
def test_what_aws_would_not_process_is_refused_before_anything_starts(change, problem):
    with pytest.raises(ConfigurationError, match=problem):
        DataProcessing.from_request(request(**{"join": "Input", **change}))


@pytest.mark.parametrize(("content_type", "accept"), [(JSON, LINES), (LINES, JSON), (LINES, LINES)])
def test_json_and_json_lines_go_together(content_type, accept):
    assert processing(content_type, accept, join="Input")


CELLS = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=("Cs",)), max_size=8)


@given(st.lists(st.tuples(st.lists(CELLS, min_size=1, max_size=4), CELLS), min_size=1))
def test_any_cells_survive_the_join(pairs):
    def text(rows):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        return out.getvalue().encode()

    rows, results = [row for row, _ in pairs], [[cell] for _, cell in pairs]
    joined = processing(join="Input").output(batch(text(rows), len(rows)), text(results))
    assert list(csv.reader(io.StringIO(joined.decode(), newline=""))) == [
        row + result for row, result in zip(rows, results, strict=True)
    ]
