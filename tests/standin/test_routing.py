"""Which service and which bucket a request is for."""

from __future__ import annotations

import pytest

from harness.standin.routing import bucket_of, is_of_a_page, signed_for, to_path_style

SIGNED = "AWS4-HMAC-SHA256 Credential=ASIA1/20260102/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize("service", ["s3", "sagemaker", "iam", "logs"])
def test_a_signature_names_region_and_service(service):
    assert signed_for({"HTTP_AUTHORIZATION": SIGNED.format(service=service)}) == ("eu-west-1", service)


@pytest.mark.parametrize("header", ["", "Basic YTpi", "AWS4-HMAC-SHA256 Credential=a/b"])
def test_without_a_signature_neither_is_known(header):
    assert signed_for({"HTTP_AUTHORIZATION": header}) == ("", "")


@pytest.mark.parametrize(
    ("host", "path", "bucket", "path_style"),
    [
        ("127.0.0.1:1", "/data/a/b", "data", "/data/a/b"),
        ("s3.amazonaws.com", "/data/a", "data", "/data/a"),
        ("s3.eu-west-1.amazonaws.com", "/data", "data", "/data"),
        ("data.s3.amazonaws.com", "/a/b", "data", "/data/a/b"),
        ("data.s3.eu-west-1.amazonaws.com", "/", "data", "/data/"),
        ("data.s3-eu-west-1.amazonaws.com", "/a", "data", "/data/a"),
        ("my.dotted.data.s3.dualstack.eu-west-1.amazonaws.com:443", "/a", "my.dotted.data", "/my.dotted.data/a"),
        ("sts.eu-west-1.amazonaws.com", "/", "", "/"),
    ],
)
def test_a_bucket_is_found_in_the_host_or_in_the_path(host, path, bucket, path_style):
    environ = {"HTTP_HOST": host, "PATH_INFO": path, "REQUEST_URI": path, "RAW_URI": path}
    assert bucket_of(environ) == bucket
    to_path_style(environ)
    assert (environ["PATH_INFO"], environ["REQUEST_URI"]) == (path_style, path_style)
    assert bucket_of(environ) == bucket


@pytest.mark.parametrize(
    ("headers", "is_page"),
    [
        ({"HTTP_HOST": "127.0.0.1:8000"}, False),
        ({"HTTP_HOST": "data.s3.eu-west-1.amazonaws.com:443"}, False),
        ({"HTTP_HOST": "localhost:8000", "HTTP_SEC_FETCH_SITE": "none"}, False),  # typed into the address bar
        ({"HTTP_HOST": "localhost:8000", "HTTP_ORIGIN": "http://localhost:8000"}, False),
        ({"HTTP_HOST": "evil.example:8000"}, True),  # a name that has become 127.0.0.1
        ({"HTTP_HOST": "evil.example:8000", "HTTP_ORIGIN": "http://evil.example:8000"}, True),
        ({"HTTP_HOST": "127.0.0.1:8000", "HTTP_ORIGIN": "https://evil.example"}, True),
        ({"HTTP_HOST": "127.0.0.1:8000", "HTTP_ORIGIN": "http://127.0.0.1:8001"}, True),
        ({"HTTP_HOST": "127.0.0.1:8000", "HTTP_ORIGIN": "null"}, True),
        ({"HTTP_HOST": "127.0.0.1:8000", "HTTP_SEC_FETCH_SITE": "cross-site"}, True),
    ],
)
def test_a_page_of_another_site_is_told_from_a_client(headers, is_page):
    assert is_of_a_page(headers) is is_page
