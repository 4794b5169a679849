"""What mail programs are told about the box: Thunderbird, Outlook, PACC."""

from __future__ import annotations

import base64
import hashlib
import json
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis.strategies import binary

from appliance.devices.autoconfig import autoconfig
from appliance.devices.autodiscover import (
    MOST_OCTETS,
    OUTLOOK,
    RESPONSE,
    autodiscover,
    requested_address,
)
from appliance.devices.pacc import document, pacc, record
from appliance.devices.service import Services
from appliance.errors import Refused

OFFICE = Services("Müller & Söhne <Büro>", "mail.office.test")
REQUEST = """<?xml version="1.0" encoding="utf-8"?>
<Autodiscover
 xmlns="http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006">
 <Request>
  <EMailAddress>anna@office.test</EMailAddress>
  <AcceptableResponseSchema>{schema}</AcceptableResponseSchema>
 </Request>
</Autodiscover>"""


def servers(root: Element, name: str) -> list[tuple[str | None, ...]]:
    fields = ("hostname", "port", "socketType", "authentication", "username")
    return [
        (each.get("type"), *(each.findtext(field) for field in fields)) for each in root.iter(name)
    ]


def test_thunderbird_is_told_the_best_way_first():
    root = fromstring(autoconfig(OFFICE, "office.test"))
    assert (root.tag, root.get("version")) == ("clientConfig", "1.1")
    provider = root[0]
    assert (provider.tag, provider.get("id")) == ("emailProvider", "office.test")
    assert provider.findtext("domain") == "office.test"
    assert provider.findtext("displayName") == "Müller & Söhne <Büro>"
    assert len(provider.findtext("displayShortName") or "") <= 20
    rest = ("password-cleartext", "%EMAILADDRESS%")
    assert servers(root, "incomingServer") == [
        ("imap", "mail.office.test", "993", "SSL", *rest),
        ("imap", "mail.office.test", "143", "STARTTLS", *rest),
        ("pop3", "mail.office.test", "995", "SSL", *rest),
    ]
    assert servers(root, "outgoingServer") == [
        ("smtp", "mail.office.test", "465", "SSL", *rest),
        ("smtp", "mail.office.test", "587", "STARTTLS", *rest),
    ]


def test_what_is_not_offered_is_not_told():
    bare = Services("", "box.test", 10993, 10465, None, None, None)
    root = fromstring(autoconfig(bare, "office.test"))
    assert [each[:3] for each in servers(root, "incomingServer")] == [("imap", "box.test", "10993")]
    assert [each[:3] for each in servers(root, "outgoingServer")] == [("smtp", "box.test", "10465")]
    assert root[0].findtext("displayName") == "box.test"
    kinds = [
        each.text for each in fromstring(autodiscover(bare, "a@b.test")).iter(f"{{{OUTLOOK}}}Type")
    ]
    assert kinds == ["IMAP", "SMTP"]


def test_a_name_with_control_characters_still_makes_xml():
    odd = Services("O\x00ff\x0bi\uffffce\r\n Süd", "box.test")
    assert fromstring(autoconfig(odd, "office.test"))[0].findtext("displayName") == "Off ice Süd"


def test_outlook_gets_three_protocols_with_tls():
    asked = requested_address(REQUEST.format(schema=OUTLOOK).encode())
    root = fromstring(autodiscover(OFFICE, asked))
    assert root.tag == f"{{{RESPONSE}}}Autodiscover"
    account = root.find(f"{{{OUTLOOK}}}Response/{{{OUTLOOK}}}Account")
    assert account is not None
    assert account.findtext(f"{{{OUTLOOK}}}AccountType") == "email"
    assert account.findtext(f"{{{OUTLOOK}}}Action") == "settings"
    found = [
        tuple(
            each.findtext(f"{{{OUTLOOK}}}{name}")
            for name in ("Type", "Server", "Port", "LoginName", "SSL", "SPA", "AuthRequired")
        )
        for each in account.findall(f"{{{OUTLOOK}}}Protocol")
    ]
    rest = ("anna@office.test", "on", "off", "on")
    assert found == [
        ("IMAP", "mail.office.test", "993", *rest),
        ("POP3", "mail.office.test", "995", *rest),
        ("SMTP", "mail.office.test", "465", *rest),
    ]


def test_a_phone_that_wants_exchange_is_told_what_there_is():
    mobile = "http://schemas.microsoft.com/exchange/autodiscover/mobilesync/responseschema/2006"
    with pytest.raises(Refused, match="no Exchange"):
        requested_address(REQUEST.format(schema=mobile).encode())


def test_a_request_in_utf_16_is_read():
    asked = REQUEST.format(schema=OUTLOOK).replace("utf-8", "utf-16").encode("utf-16")
    assert requested_address(asked) == "anna@office.test"


BOMB = """<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<a><EMailAddress>&c;@office.test</EMailAddress></a>"""
FOREIGN = """<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>
<a><EMailAddress>&b;</EMailAddress></a>"""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        b"<a>",
        b"<?xml version='1.0' encoding='no-such-thing'?><a/>",
        b"<a/>",
        b"<a><EMailAddress/></a>",
        b"<a><EMailAddress>anna</EMailAddress></a>",
        b"<a><EMailAddress>@office.test</EMailAddress></a>",
        b"<a><EMailAddress>an na@office.test</EMailAddress></a>",
        b"<a><EMailAddress>" + b"a" * 400 + b"@office.test</EMailAddress></a>",
        b"<a>" + b" " * MOST_OCTETS + b"</a>",
        b"<a>" * 5000,
        b"<a>" * 2300 + b"</a>" * 2300,
        BOMB.encode(),
        FOREIGN.encode(),
    ],
)
def test_what_is_no_request_gets_a_sentence(body):
    with pytest.raises(Refused, match=r"\.$"):
        requested_address(body)


def test_every_cut_of_a_request_is_refused_or_read():
    whole = REQUEST.format(schema=OUTLOOK).encode()
    for end in range(len(whole)):
        with pytest.raises(Refused):
            requested_address(whole[:end])


@given(binary(max_size=400))
def test_no_octets_get_anything_but_a_sentence_or_an_address(noise):
    for body in (noise, REQUEST.format(schema=OUTLOOK).encode().replace(b"anna", noise)):
        try:
            assert "@" in requested_address(body)
        except Refused as refused:
            assert str(refused).endswith(".")


def test_pacc_names_what_is_on_its_own_port():
    assert pacc(OFFICE) == {
        "protocols": {name: {"host": "mail.office.test"} for name in ("imap", "pop3", "submit")},
        "authentication": {"password": True},
        "info": {
            "provider": {"name": "Müller & Söhne <Büro>", "shortName": "Müller & Söhne <Büro"}
        },
    }
    moved = Services("Office", "mail.office.test", imap_port=10993, pop3_port=None)
    assert list(pacc(moved)["protocols"]) == ["submit"]


def test_the_record_vouches_for_exactly_what_is_served():
    served = document(OFFICE)
    assert json.loads(served) == pacc(OFFICE)
    assert served == document(OFFICE)
    version, algorithm, digest = record(served).split("; ")
    assert (version, algorithm) == ("v=UAAC1", "a=sha256")
    assert base64.b64decode(digest.removeprefix("d=")) == hashlib.sha256(served).digest()
