"""Configuration profiles for iPhone, iPad and Mac: a .mobileconfig, and how it is signed.

A profile that is installed replaces the one with the same identifiers, so these are made of the
box and the address and of nothing else: whoever installs anew has one account and not two. The
box's CA comes along where the server certificate is of it. A device trusts a CA that came in a
profile only after its owner has said so (Settings, General, About, Certificate Trust Settings).

A password in a profile is a secret that lies in the Downloads of a device: give one only within
TLS, to somebody who has shown a one-time ticket, and better an app password than the real one.
"""

from __future__ import annotations

import plistlib
import uuid
from collections.abc import Mapping
from typing import Any

from appliance.devices.service import Services
from appliance.errors import Refused
from appliance.words import Say

CONTENT_TYPE = "application/x-apple-aspen-config"
_BOXES = uuid.UUID("5d7c1c4e-6f0b-4a57-9c11-9a1df2f0b6a3")
"""The namespace of our identifiers (RFC 9562 §5.5); drawn once, never to be changed."""


def profile(
    services: Services,
    address: str,
    name: str,
    *,
    ca_certificate: bytes | None,
    password: str | None = None,
    say: Say = str,
) -> bytes:
    """A mail account, and the box's CA (PEM) where the certificate is not one of a public CA."""
    payloads = [_mail(services, address, name, password)]
    if ca_certificate is not None:
        payloads.append(_root(services, ca_certificate))
    return _profile(
        services,
        address,
        f"{services.title}: {address}",
        say(f"Sets up mail for {address}: reading by IMAP and sending by SMTP, both encrypted."),
        payloads,
    )


def ca_profile(services: Services, ca_certificate: bytes) -> bytes:
    """Only the box's CA, for somebody who sets the account up by hand."""
    return _profile(
        services,
        "ca",
        f"{services.title}: certificate",
        f"Lets this device recognise {services.host}.",
        [_root(services, ca_certificate)],
    )


def sign(profile: bytes, certificate: bytes, key: bytes, chain: bytes = b"") -> bytes:
    """A signed profile: CMS in DER (RFC 5652) with the text in it; all that is given is PEM.

    Raises:
        Refused: key and certificates cannot be read, or do not belong together.
    """
    from cryptography import x509  # noqa: PLC0415 - only who signs pays for it
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415 - the same
    from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415 - the same

    try:
        signer = x509.load_pem_x509_certificate(certificate)
        others = x509.load_pem_x509_certificates(chain) if chain.strip() else []
        private = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise Refused("The profile cannot be signed: key or certificate cannot be read.") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Refused("The profile cannot be signed: only RSA and EC keys can do that.")
    if private.public_key() != signer.public_key():
        raise Refused("The profile cannot be signed: the key does not belong to the certificate.")
    builder = pkcs7.PKCS7SignatureBuilder().set_data(profile)
    builder = builder.add_signer(signer, private, hashes.SHA256())
    for each in others:
        if each != signer:
            builder = builder.add_certificate(each)
    return builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])


def signed_with(profile: bytes, server_pem: bytes) -> bytes:
    """Sign with the box's server certificate: one file of key, certificate and chain (PEM)."""
    certificates = server_pem[max(server_pem.find(b"-----BEGIN CERTIFICATE-----"), 0) :]
    return sign(profile, certificates, server_pem, certificates)


def _mail(services: Services, address: str, name: str, password: str | None) -> dict[str, Any]:
    account: dict[str, Any] = {
        "EmailAccountDescription": services.title,
        "EmailAccountType": "EmailTypeIMAP",
        "EmailAccountName": name or address,
        "EmailAddress": address,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    for way, port in (
        ("Incoming", services.imap_port),
        ("Outgoing", services.submission_port),
    ):
        account |= {
            f"{way}MailServerHostName": services.host,
            f"{way}MailServerPortNumber": port,
            f"{way}MailServerUseSSL": True,
            f"{way}MailServerUsername": address,
            f"{way}MailServerAuthentication": "EmailAuthPassword",
        }
    if password is not None:
        account["IncomingPassword"] = password
    return _payload(services, "com.apple.mail.managed", address, services.title, account)


def _root(services: Services, ca_certificate: bytes) -> dict[str, Any]:
    from cryptography import x509  # noqa: PLC0415 - only who makes a profile pays for it
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - the same

    try:
        certificate = x509.load_pem_x509_certificate(ca_certificate)
    except ValueError as error:
        raise Refused("The box's own CA certificate cannot be read.") from error
    return _payload(
        services,
        "com.apple.security.root",
        "ca",
        certificate.subject.rfc4514_string().removeprefix("CN="),
        {
            "PayloadCertificateFileName": "pillarbox-ca.cer",
            "PayloadContent": certificate.public_bytes(Encoding.DER),
        },
    )


def _profile(
    services: Services,
    subject: str,
    title: str,
    description: str,
    payloads: list[dict[str, Any]],
) -> bytes:
    content = {
        "PayloadContent": payloads,
        "PayloadDescription": description,
        "PayloadOrganization": services.title,
        "PayloadRemovalDisallowed": False,
    }
    found = _payload(services, "Configuration", subject, title, content)
    return plistlib.dumps(found, fmt=plistlib.FMT_XML, sort_keys=True)


def _payload(
    services: Services, kind: str, subject: str, title: str, content: Mapping[str, Any]
) -> dict[str, Any]:
    identity = uuid.uuid5(_BOXES, f"{kind}\n{services.host.lower()}\n{subject.lower()}")
    reverse = ".".join(reversed(services.host.lower().strip(".").split(".")))
    return {
        "PayloadType": kind,
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{reverse}.pillarbox.{identity}",
        "PayloadUUID": str(identity).upper(),
        "PayloadDisplayName": title,
        **content,
    }
