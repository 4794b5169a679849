"""What Thunderbird and its relatives ask for: clientConfig 1.1 (draft-ietf-mailmaint-autoconfig).

Served as `https://autoconfig.DOMAIN/mail/config-v1.1.xml` and
`https://DOMAIN/.well-known/autoconfig/mail/config-v1.1.xml`. A program tries the servers in the
order in which they stand here. The placeholder %EMAILADDRESS% is filled in by the program, so the
answer is the same for everybody and says nothing about who has an account.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from appliance.devices import service
from appliance.devices.service import Services, Way

CONTENT_TYPE = "text/xml; charset=utf-8"
_USER_NAME = "%EMAILADDRESS%"
_PASSWORD = "password-cleartext"  # noqa: S105 - the draft's word for a password within TLS


def autoconfig(services: Services, domain: str) -> bytes:
    """The document for one of our domains."""
    root = Element("clientConfig", version="1.1")
    provider = SubElement(root, "emailProvider", id=domain)
    _texts(
        provider, domain=domain, displayName=services.title, displayShortName=services.short_title
    )
    for kind, ways in (("imap", service.imap(services)), ("pop3", service.pop3(services))):
        for way in ways:
            _server(SubElement(provider, "incomingServer", type=kind), services.host, way)
    for way in service.submission(services):
        _server(SubElement(provider, "outgoingServer", type="smtp"), services.host, way)
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root)


def _server(element: Element, host: str, way: Way) -> None:
    _texts(
        element,
        hostname=host,
        port=str(way.port),
        socketType="STARTTLS" if way.is_starttls else "SSL",
        authentication=_PASSWORD,
        username=_USER_NAME,
    )


def _texts(element: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = text
