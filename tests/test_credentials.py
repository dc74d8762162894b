"""No text that is meant for others holds a credential's value."""

from __future__ import annotations

import json

import pytest

from harness.credentials import looks_secret, without_secrets
from harness.parity import probe

SECRET = ["api_key", "DB_PASSWORD", "MYSQL_PWD", "passphrase", "HF_TOKEN", "aws_secret", "Passwd", "credentials"]
PLAIN = ["PWD", "max_depth", "keys", "tokenizer", "AUTHOR"]


@pytest.mark.parametrize(("name", "secret"), [*((each, True) for each in SECRET), *((each, False) for each in PLAIN)])
def test_a_credential_is_known_by_its_name_here_and_in_the_probe_that_travels(name, secret):
    assert looks_secret(name) is probe.looks_secret(name) is secret


@pytest.mark.parametrize(
    "named",
    [
        {"api_token": "hunter22"},
        {"auth": {"user": "me", "password": "hunter22"}},
        {"stores": [{"secret": ["hunter22"]}]},
        {"auth": '{"password": "hunter22"}'},
        {"DATABASE": "postgres://me:hunter22@host/db"},
    ],
    ids=["by name", "by a name within", "in lists", "in JSON", "in a URI"],
)
def test_a_credential_is_blanked_wherever_it_stands(named):
    value = {"a": ["x hunter22 y", {"b": "hunter22"}], "n": 1}

    assert without_secrets(value, named) == {"a": ["x (redacted) y", {"b": "(redacted)"}], "n": 1}


def test_each_line_of_a_credential_is_blanked():
    assert without_secrets("a | first\na | last", {"private_key": "first\nlast"}) == "a | (redacted)\na | (redacted)"


def test_a_credential_is_blanked_in_json_too_whatever_it_is_spelt_with():
    text = json.dumps({"password": 'p"ä\\ss', "note": 'it is p"ä\\ss'})

    assert json.loads(without_secrets(text, {"password": 'p"ä\\ss'})) == {
        "password": "(redacted)",
        "note": "it is (redacted)",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tcp://me:pw@host:1", "tcp://me:(redacted)@host:1"),
        ("postgres://me:p@ss@host/db", "postgres://me:(redacted)@host/db"),
        ("redis://:pw@host and http://host:80/a@b", "redis://:(redacted)@host and http://host:80/a@b"),
        ("http://proxy:3128;noproxy=a@b", "http://proxy:3128;noproxy=a@b"),
        ("docker://repo:tag@sha256:abc", "docker://repo:tag@sha256:abc"),
        ('{"at":"http://host:80","mail":"me@host"}', '{"at":"http://host:80","mail":"me@host"}'),
    ],
)
def test_the_password_of_a_uri_is_blanked_however_short_it_is(text, told):
    assert without_secrets(text, {}) == told


@pytest.mark.parametrize("value", ["id", True, None, 7])
def test_what_would_be_found_in_every_other_word_is_no_credential(value):
    text = "id True None 7"

    assert without_secrets(text, {"sort_key": value}) == text
