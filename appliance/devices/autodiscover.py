"""What Outlook asks for: the POX form of Autodiscover (MS-OXDSCLI), schema 2006a.

Outlook posts a small XML document with the address to `/autodiscover/autodiscover.xml` of the
domain or of `autodiscover.DOMAIN`. It is a stranger's XML: bounded, and read by defusedxml. The
answer names IMAP, POP3 and SMTP with TLS; Exchange and ActiveSync are not spoken here, and a phone
that asks for ActiveSync is told so.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from appliance.devices import service
from appliance.devices.service import Services, Way
from appliance.errors import Refused

CONTENT_TYPE = "text/xml; charset=utf-8"
MOST_OCTETS = 16 * 1024
RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
OUTLOOK = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_LONGEST_ADDRESS = 320  # RFC 3696, erratum 1690: 64 + @ + 255 octets, and nothing asks for more


def requested_address(body: bytes) -> str:
    """The address that a request is about. Raises Refused with a sentence."""
    from defusedxml.common import (  # noqa: PLC0415 - only who asks pays for it
        DefusedXmlException,
    )
    from defusedxml.ElementTree import fromstring  # noqa: PLC0415 - the same

    if len(body) > MOST_OCTETS:
        raise Refused("That is too long for an Autodiscover request.")
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise Refused("That is not an Autodiscover request: it cannot be read as XML.") from None
    wanted = _first(root, "AcceptableResponseSchema")
    if wanted and "outlook" not in wanted.lower():
        raise Refused("Only IMAP, POP3 and SMTP are to be had here, no Exchange or ActiveSync.")
    address = _first(root, "EMailAddress")
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or len(address) > _LONGEST_ADDRESS:
        raise Refused("The Autodiscover request names no address.")
    if any(character.isspace() or not character.isprintable() for character in address):
        raise Refused("The Autodiscover request names no address.")
    return address


def autodiscover(services: Services, address: str) -> bytes:
    """The answer about one address; it is the same whether or not somebody has that address."""
    root = Element("Autodiscover", xmlns=RESPONSE)
    response = SubElement(root, "Response", xmlns=OUTLOOK)
    SubElement(SubElement(response, "User"), "DisplayName").text = address
    account = SubElement(response, "Account")
    _texts(account, AccountType="email", Action="settings")
    for kind, ways in (
        ("IMAP", service.imap(services)),
        ("POP3", service.pop3(services)),
        ("SMTP", service.submission(services)),
    ):
        for way in ways:
            if not way.is_starttls:  # one protocol of a kind: Outlook takes the first anyway
                _protocol(SubElement(account, "Protocol"), kind, services.host, way, address)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root)


def _protocol(element: Element, kind: str, host: str, way: Way, address: str) -> None:
    _texts(
        element,
        Type=kind,
        Server=host,
        Port=str(way.port),
        LoginName=address,
        DomainRequired="off",
        SPA="off",  # not NTLM, but the password as it is, within TLS
        SSL="on",
        AuthRequired="on",
    )
    if kind == "SMTP":
        _texts(element, UsePOPAuth="on", SMTPLast="off")


def _first(root: Element, name: str) -> str:
    """The text of the first element of this name, whatever its namespace is."""
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag.rpartition("}")[2] == name:
            return (element.text or "").strip()
    return ""


def _texts(element: Element, **texts: str) -> None:
    for name, text in texts.items():
        SubElement(element, name).text = text
