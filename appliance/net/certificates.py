"""The box's own certificates: a local CA made at the first start, and a server certificate of it.

STATE/tls/ca.pem is what people install on their devices; it never changes. STATE/tls/server.pem
holds key, certificate and CA in one file, so that a power cut cannot leave a key beside the
wrong certificate. The server certificate is made anew when a third of its life is left or when
the names and addresses of the box have changed.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from appliance import files
from appliance.errors import BadSettings

CA_DAYS = 20 * 365
SERVER_DAYS = 397  # Apple's mail programs refuse more than 825, browsers more than 398
_BACKDATED = datetime.timedelta(days=2)  # devices whose clock is behind
CA_FILE = "ca.pem"
SERVER_FILE = "server.pem"
_CA_KEY_FILE = "ca.key"


@dataclass(frozen=True, slots=True)
class Names:
    """What the server certificate vouches for."""

    hosts: tuple[str, ...]
    addresses: tuple[str, ...]


def ensure(directory: Path, names: Names, now: float) -> bool:
    """Have CA and server certificate as they should be; True when the latter is new. Blocks."""
    files.make_directories(directory)
    if not (directory / CA_FILE).is_file() or not (directory / _CA_KEY_FILE).is_file():
        _make_ca(directory, now)
        files.unlink_if_there(directory / SERVER_FILE)
    if _is_good(directory / SERVER_FILE, names, now):
        return False
    _make_server(directory, names, now)
    return True


def expires_at(directory: Path) -> float:
    """When the server certificate ends, in seconds since the epoch."""
    certificate = x509.load_pem_x509_certificate(_certificate_part(directory / SERVER_FILE))
    return certificate.not_valid_after_utc.timestamp()


def is_of_own_ca(directory: Path) -> bool:
    """Whether the server certificate was signed by the CA that people have installed."""
    certificate = x509.load_pem_x509_certificate(_certificate_part(directory / SERVER_FILE))
    ca = x509.load_pem_x509_certificate(files.read(directory / CA_FILE))
    try:
        certificate.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_good(path: Path, names: Names, now: float) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(_certificate_part(path))
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    begin = certificate.not_valid_before_utc.timestamp()
    end = certificate.not_valid_after_utc.timestamp()
    in_time = begin <= now < end - (end - begin) / 3
    return in_time and set(extension.value) == set(_alternative_names(names))


def _certificate_part(path: Path) -> bytes:
    content = files.read(path)
    return content[content.index(b"-----BEGIN CERTIFICATE-----") :]


def _alternative_names(names: Names) -> Iterable[x509.GeneralName]:
    for host in dict.fromkeys(names.hosts):
        yield x509.DNSName(host)
    for address in dict.fromkeys(names.addresses):
        yield x509.IPAddress(ipaddress.ip_address(address))


def _make_ca(directory: Path, now: float) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    mark = os.urandom(3).hex()  # two boxes in one office can be told apart
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Pillarbox CA {mark}")])
    builder = _builder(name, key.public_key(), now, CA_DAYS).issuer_name(name)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(is_ca=True), critical=True)
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
    )
    certificate = builder.sign(key, hashes.SHA256())
    files.replace(directory / _CA_KEY_FILE, _pem_of(key))
    files.replace(directory / CA_FILE, certificate.public_bytes(serialization.Encoding.PEM))


def _make_server(directory: Path, names: Names, now: float) -> None:
    ca_pem = files.read(directory / CA_FILE)
    ca = x509.load_pem_x509_certificate(ca_pem)
    ca_key = serialization.load_pem_private_key(files.read(directory / _CA_KEY_FILE), None)
    if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
        raise BadSettings("tls/ca.key is not the key of this box's CA.")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names.hosts[0][:64])])
    builder = _builder(name, key.public_key(), now, SERVER_DAYS).issuer_name(ca.subject)
    for extension, critical in (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_key_usage(is_ca=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(_alternative_names(names)), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical=critical)
    certificate = builder.sign(ca_key, hashes.SHA256())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    files.replace(directory / SERVER_FILE, _pem_of(key) + pem + ca_pem)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, now: float, days: int
) -> x509.CertificateBuilder:
    today = datetime.datetime.fromtimestamp(now, datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - _BACKDATED)
        .not_valid_after(today - _BACKDATED + datetime.timedelta(days=days))
    )


def _key_usage(*, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
