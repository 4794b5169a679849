"""DANE for SMTP (RFC 7672): is this the server that the domain's signed TLSA records name? Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from appliance.net.resolver import Tlsa

DANE_TA, DANE_EE = 2, 3  # RFC 7672 §3.1: 0 and 1 are not for SMTP
_HASHES = {1: hashlib.sha256, 2: hashlib.sha512}
_MOST = 10


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
    lead to the authority and the certificate must be for one of the names.
    """
    if not chain:
        return False
    if any(each.usage == DANE_EE and _matches(chain[0], each) for each in records):
        return True
    anchors = [each for each in records if each.usage == DANE_TA]
    if not anchors:
        return False
    try:
        found = [x509.load_der_x509_certificate(each) for each in chain[:_MOST]]
        return _is_for(found[0], names) and _leads_to(found, chain, anchors)
    except (ValueError, TypeError, x509.UnsupportedGeneralNameType):
        return False


def _leads_to(
    chain: Sequence[x509.Certificate], encoded: Sequence[bytes], anchors: Sequence[Tlsa]
) -> bool:
    for number, certificate in enumerate(chain):
        if number:
            try:
                chain[number - 1].verify_directly_issued_by(certificate)
            except (InvalidSignature, ValueError, TypeError):
                return False
            if any(_matches(encoded[number], each) for each in anchors):
                return True
        elif any(_matches(encoded[0], each) for each in anchors):
            return True  # the authority is the server itself
    return False


def _matches(encoded: bytes, record: Tlsa) -> bool:
    data = encoded
    if record.selector == 1:
        try:
            key = x509.load_der_x509_certificate(encoded).public_key()
        except (ValueError, TypeError):
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
