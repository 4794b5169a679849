"""Setting up phones and programs through the page."""

import plistlib
import re
import subprocess
import urllib.request

import pytest

from tests.web.browser import Reader

_REQUEST = (
    '<?xml version="1.0"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/'
    'autodiscover/outlook/requestschema/2006"><Request><EMailAddress>%s</EMailAddress>'
    "<AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/outlook/"
    "responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>"
)


def _post(reader, path, body):
    request = urllib.request.Request(reader.base + path, body.encode(), method="POST")
    request.add_header("Content-Type", "text/xml")
    return reader._open(request)


def test_thunderbird_finds_the_servers(office):
    stranger = Reader(office)
    for path in ("/mail/config-v1.1.xml", "/.well-known/autoconfig/mail/config-v1.1.xml"):
        found = stranger.get(path + "?emailaddress=anna@office.test")
        assert found.status == 200
        assert f"<port>{office.port(993)}</port>" in found.text
    assert stranger.get("/mail/config-v1.1.xml?emailaddress=x@elsewhere.test").status == 404


def test_thunderbird_finds_them_without_encryption_too(office):
    where = f"http://localhost:{office.port(80)}/mail/config-v1.1.xml"
    with urllib.request.urlopen(f"{where}?emailaddress=ben@office.test") as answer:
        assert b"<clientConfig" in answer.read()


def test_outlook_finds_the_servers_though_it_sends_no_origin(office):
    stranger = Reader(office)
    found = _post(stranger, "/autodiscover/autodiscover.xml", _REQUEST % "anna@office.test")
    assert found.status == 200
    assert "<LoginName>anna@office.test</LoginName>" in found.text
    assert _post(stranger, "/Autodiscover/Autodiscover.xml", "<x").status == 400
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    assert _post(stranger, "/autodiscover/autodiscover.xml", bomb).status == 400


def test_the_document_for_pacc_is_there(office):
    found = Reader(office).get("/.well-known/user-agent-configuration.json")
    assert {"protocols", "info"} <= set(found.json)


def test_a_phone_gets_its_profile_once(office, owner, tmp_path):
    person = office.person("phone").address
    page = owner.do(f"/people/{person}", "start_link")
    path = re.search(r"https://[^<]*(/start/[\w-]+)", page.text)[1]
    assert 'src="data:image/svg+xml' in page.text
    phone = Reader(office)
    assert phone.get(path).says(f"Mail for {person}")
    assert phone.get(path).status == 200, "a look does not use it up"
    request = urllib.request.Request(phone.base + path, b"", headers={"Origin": phone.base})
    with phone._opener.open(request) as answer:
        assert answer.headers["Content-Type"] == "application/x-apple-aspen-config"
        (tmp_path / "profile").write_bytes(answer.read())
    plain = subprocess.run(
        ["openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", "profile"],
        cwd=tmp_path, capture_output=True, check=True,
    ).stdout  # fmt: skip
    mail = next(
        each for each in plistlib.loads(plain)["PayloadContent"]
        if each["PayloadType"] == "com.apple.mail.managed"
    )  # fmt: skip
    assert mail["EmailAddress"] == person
    again = phone.post(path, {})
    assert again.status == 410
    assert again.says("This link has been used already. Ask for a new one.")


def test_a_link_that_nobody_made_says_so(office):
    assert Reader(office).get("/start/nothing").says("This link is not known here.")


@pytest.mark.clients
def test_the_start_sheet_is_a_page_with_a_code(office, owner, tmp_path):
    person = office.person("sheet").address
    request = urllib.request.Request(
        f"{owner.base}/people/{person}/start-sheet", b"_do=start_link",
        headers={"Origin": owner.base},
    )  # fmt: skip
    with owner._opener.open(request) as answer:
        (tmp_path / "sheet.pdf").write_bytes(answer.read())
    text = subprocess.run(
        ["pdftotext", "sheet.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert person in text


def test_what_a_device_did_is_told_on_the_page(office, owner):
    import imaplib

    person = office.person("late")
    with imaplib.IMAP4_SSL("localhost", office.port(993), ssl_context=office.tls()) as client:
        client.login(person.address, person.password)
    assert owner.get(f"/people/{person.address}").says("IMAP")
    user = Reader(office)
    user.log_in(person.address, person.password)
    assert user.api("GET", "/me/arrivals").json["good"]
