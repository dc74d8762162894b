"""What pip in a container is told of this machine's certificates."""

import configparser
import io
import tarfile

from harness.images.trust import archive, ca_bundle


def test_the_certificates_are_those_that_pip_has_been_told_of(tmp_path):
    for name in ("pip.pem", "ssl.pem"):
        (tmp_path / name).touch()
    pip, ssl, gone = (str(tmp_path / name) for name in ("pip.pem", "ssl.pem", "gone.pem"))
    assert str(ca_bundle({"PIP_CERT": pip, "SSL_CERT_FILE": ssl})) == pip
    assert str(ca_bundle({"PIP_CERT": gone, "SSL_CERT_FILE": ssl})) == ssl
    assert ca_bundle({"PIP_CERT": ""}) is None


def test_the_settings_name_the_certificates_that_lie_beside_them(tmp_path):
    (tmp_path / "company.pem").write_text("whom we trust")
    with tarfile.open(fileobj=io.BytesIO(archive(tmp_path / "company.pem"))) as tar:
        told = configparser.ConfigParser()
        told.read_string(tar.extractfile("etc/xdg/pip/pip.conf").read().decode())
        named = told["global"]["cert"].removeprefix("/")
        assert tar.extractfile(named).read() == b"whom we trust"
        assert {(member.name, oct(member.mode)) for member in tar if member.isdir()} == {
            ("etc/xdg", "0o755"),
            ("etc/xdg/pip", "0o755"),
        }
