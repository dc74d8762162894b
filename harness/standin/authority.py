"""A certificate authority that lives as long as the stand-in: its key never leaves this process's memory."""

from __future__ import annotations

import os
import ssl
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

_LIFETIME = timedelta(days=7)
_NAME = "SageMaker harness stand-in (this start only)"


class Authority:
    """Issues certificates for the hosts that clients name. Thread-safe."""

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._key = ec.generate_private_key(ec.SECP256R1())
        self._host_key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._issue(_NAME, None)
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, PEM: what clients are to trust."""
        return _pem(self._certificate)

    def context(self, host: str) -> ssl.SSLContext:
        """What a TLS server for a host needs."""
        with self._lock:
            if host not in self._contexts:
                self._contexts[host] = self._new_context(host)
            return self._contexts[host]

    def _new_context(self, host: str) -> ssl.SSLContext:
        from cryptography.hazmat.primitives import serialization as form

        key = self._host_key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        descriptor, name = tempfile.mkstemp()  # ssl reads keys from files alone
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(key + _pem(self._issue(host, host)))
            context.load_cert_chain(name)
        finally:
            Path(name).unlink()
        return context

    def _issue(self, name: str, host: str | None) -> x509.Certificate:
        """A certificate for a host; for the authority itself where there is none."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        public_key = (self._host_key if host else self._key).public_key()
        moment = datetime.now(UTC)
        issued = (
            x509.CertificateBuilder()
            .subject_name(_common_name(name))
            .issuer_name(_common_name(_NAME))
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(moment - timedelta(hours=1))
            .not_valid_after(moment + _LIFETIME)
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(_usage(signs=host is None), critical=True)
        )
        if host:
            issued = issued.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return issued.sign(self._key, hashes.SHA256())


def _common_name(name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])


def _usage(*, signs: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)
