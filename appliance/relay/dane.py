"""DANE for SMTP (RFC 7672): is this the server that the domain's signed TLSA records name? Pure."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appliance.net.resolver import Tlsa

DANE_TA, DANE_EE = 2, 3  # RFC 7672 §3.1: 0 and 1 are not for SMTP
_HASHES = {1: hashlib.sha256, 2: hashlib.sha512}
_MOST = 10
_NOT_PROVEN = (
    ValueError,
    TypeError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.UnsupportedGeneralNameType,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
)


def usable(records: Sequence[Tlsa]) -> tuple[Tlsa, ...]:
    """The records we can work with. RFC 7672 §2.2: none of them means TLS without proof."""
    return tuple(
        each
        for each in records
        if each.usage in {DANE_TA, DANE_EE}
        and each.selector in {0, 1}
        and each.matching in {0, 1, 2}
        and (not each.matching or len(each.data) == _HASHES[each.matching]().digest_size)
    )


def is_proven(chain: Sequence[bytes], records: Sequence[Tlsa], names: Sequence[str]) -> bool:
    """Whether a certificate chain (DER, the server's own first) fits one of the records.

    RFC 7672 §3.1.1: with DANE-EE neither name nor dates count. §3.1.2: with DANE-TA the chain must
    lead to the authority, by authorities only and none of them expired, and the certificate must be
    for one of the names.
    """
    if not chain:
        return False
    if any(each.usage == DANE_EE and _matches(chain[0], each) for each in records):
        return True
    anchors = [each for each in records if each.usage == DANE_TA]
    if not anchors:
        return False
    try:
        # a whole certificate in the DNS need not be sent by the server (§3.1.2)
        known = [each.data for each in anchors if (each.selector, each.matching) == (0, 0)]
        encoded = [*chain[:_MOST], *known]
        found = [x509.load_der_x509_certificate(each) for each in encoded]
        return _is_for(found[0], names) and _leads_to(found, encoded, anchors)
    except _NOT_PROVEN:
        return False


def _leads_to(
    chain: Sequence[x509.Certificate], encoded: Sequence[bytes], anchors: Sequence[Tlsa]
) -> bool:
    """Step by step from the server's certificate to whoever issued it."""
    now = datetime.datetime.now(datetime.UTC)
    at, seen = 0, {0}
    while _is_valid(chain[at], now):
        if any(_matches(encoded[at], each) for each in anchors):
            return True
        above = (n for n in range(len(chain)) if n not in seen and _issued(chain[n], chain[at]))
        found = next(above, None)
        if found is None:
            return False
        at = found
        seen.add(at)
    return False


def _is_valid(certificate: x509.Certificate, now: datetime.datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """RFC 5280 §4.2.1.9: whoever is no authority has issued nothing."""
    try:
        basics = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not basics.ca:
            return False
        certificate.verify_directly_issued_by(issuer)
    except _NOT_PROVEN:
        return False
    return True


def _matches(encoded: bytes, record: Tlsa) -> bool:
    data = encoded
    if record.selector == 1:
        try:
            key = x509.load_der_x509_certificate(encoded).public_key()
        except _NOT_PROVEN:
            return False
        data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return (_HASHES[record.matching](data).digest() if record.matching else data) == record.data


def _is_for(certificate: x509.Certificate, names: Sequence[str]) -> bool:
    try:
        told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    said = {each.lower() for each in told.get_values_for_type(x509.DNSName)}
    return any(
        name in said or f"*.{name.partition('.')[2]}" in said for name in map(str.lower, names)
    )
