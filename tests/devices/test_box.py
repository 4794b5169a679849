"""A running box: programs that know only what the documents say, and what is told of them."""

from __future__ import annotations

import imaplib
import json
import plistlib
import poplib
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from appliance import control, settings
from appliance.devices.autoconfig import autoconfig
from appliance.devices.autodiscover import OUTLOOK, autodiscover
from appliance.devices.service import Services
from appliance.parts import Options, names, offered_here
from tests.support.box import PILLARBOX, ROOT, Box, Person, wait_until
from tests.support.mail import letter

HOST = "localhost"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Box]:
    text = f'[server]\nhost_name = "{HOST}"\noffice = "Müller & Söhne"\n'
    with Box(tmp_path / "box", settings=text) as running:
        yield running


def told(box: Box) -> Services:
    return Services(**control.ask(box.state, "services"))


def arrivals(box: Box, who: Person) -> dict[str, object]:
    found: dict[str, object] = json.loads(box.cli("account", "arrivals", who.address, "--json"))
    return found


def output(box: Box, *arguments: str) -> bytes:
    """What a command writes that is no text."""
    run = subprocess.run(
        [*PILLARBOX, "--state", str(box.state), *arguments],
        cwd=ROOT, capture_output=True, timeout=60, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert run.stderr == b""
    return run.stdout


def test_a_program_that_reads_the_document_for_thunderbird_can_read_and_send(house: Box) -> None:
    anna = house.account("anna")
    root = fromstring(autoconfig(told(house), "office.test"))
    assert root[0].findtext("displayName") == "Müller & Söhne"
    tried = []
    for server in (*root.iter("incomingServer"), *root.iter("outgoingServer")):
        kind, how = str(server.get("type")), str(server.findtext("socketType"))
        host, port = str(server.findtext("hostname")), int(str(server.findtext("port")))
        user = str(server.findtext("username")).replace("%EMAILADDRESS%", anna.address)
        use(house, kind, how, (host, port), Person(user, anna.password))
        tried.append((kind, how))
    assert len(tried) == 5
    story = arrivals(house, anna)
    assert story["summary"] == "A mail program is connected: reading and sending work."
    assert story["bad"] == []


def test_a_program_that_reads_the_answer_for_outlook_can_read_and_send(house: Box) -> None:
    anna = house.account("anna")
    root = fromstring(autodiscover(told(house), anna.address))
    for each in root.iter(f"{{{OUTLOOK}}}Protocol"):
        values = {child.tag.partition("}")[2]: str(child.text) for child in each}
        assert values["SSL"] == "on"
        where = (values["Server"], int(values["Port"]))
        use(house, values["Type"].lower(), "SSL", where, Person(values["LoginName"], anna.password))
    assert arrivals(house, anna)["reads"]
    assert arrivals(house, anna)["sends"]


def test_a_device_that_installs_the_profile_can_read_and_send(house: Box) -> None:
    anna = house.account("anna")
    signed = house.folder / "anna.mobileconfig"
    signed.write_bytes(output(house, "account", "profile", anna.address))
    opened = subprocess.run(
        ["openssl", "cms", "-verify", "-inform", "DER", "-in", signed, "-CAfile", house.ca,
         "-purpose", "any", "-binary"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    mail = next(each for each in plistlib.loads(opened)["PayloadContent"] if "EmailAddress" in each)
    for kind, way in (("imap", "Incoming"), ("smtp", "Outgoing")):
        where = (mail[f"{way}MailServerHostName"], mail[f"{way}MailServerPortNumber"])
        user = Person(mail[f"{way}MailServerUsername"], anna.password)
        use(house, kind, "SSL", where, user)
    assert arrivals(house, anna)["sends"]


def use(box: Box, kind: str, how: str, where: tuple[str, int], who: Person) -> None:
    """Log in as a mail program does, and do something."""
    tls, (host, port) = box.tls(), where
    if kind == "imap":
        imap = (
            imaplib.IMAP4_SSL(host, port, ssl_context=tls)
            if how == "SSL"
            else imaplib.IMAP4(host, port)
        )
        if how != "SSL":
            imap.starttls(tls)
        imap.login(who.address, who.password)
        assert imap.select()[0] == "OK"
        imap.logout()
    elif kind == "pop3":
        pop = poplib.POP3_SSL(host, port, context=tls)
        pop.user(who.address)
        pop.pass_(who.password)
        pop.quit()
    else:
        smtp = (
            smtplib.SMTP_SSL(host, port, context=tls) if how == "SSL" else smtplib.SMTP(host, port)
        )
        if how != "SSL":
            smtp.starttls(context=tls)
        smtp.login(who.address, who.password)
        smtp.sendmail(who.address, [who.address], letter("set up", who.address, who.address))
        smtp.quit()


def test_what_fails_is_told_while_somebody_waits(house: Box) -> None:
    anna = house.account("anna")
    assert house.cli("account", "arrivals", anna.address) == (
        "No program of this account was here in that time.\n"
    )
    imap = imaplib.IMAP4_SSL(HOST, house.port(993), ssl_context=house.tls())
    imap.xatom("ID", '("name" "iPhone Mail" "version" "22A3351" "os" "iOS")')
    with pytest.raises(imaplib.IMAP4.error):
        imap.login(anna.address, "wrong")
    with pytest.raises(imaplib.IMAP4.error):
        imap.login("ana@office.test", anna.password)
    said = house.cli("account", "arrivals", anna.address)
    assert "Wrong password: IMAP at " in said
    assert "Unknown user name ana@office.test: IMAP at " in said
    imap.login(anna.address, anna.password)
    imap.logout()
    story = arrivals(house, anna)
    assert story["client"] == "iPhone Mail 22A3351"
    assert story["bad"] == []
    assert story["summary"] == (
        "iPhone Mail 22A3351 is connected and can read. It tries sending with its first message."
    )
    for text in (house.log(), json.dumps(story)):
        assert anna.password not in text


def meet(box: Box, port: int, context: ssl.SSLContext) -> None:
    """Begin TLS as a mail program does, in one way or the other."""
    number = box.port(port)
    match port:
        case 993:
            imaplib.IMAP4_SSL(HOST, number, ssl_context=context)
        case 465:
            smtplib.SMTP_SSL(HOST, number, context=context)
        case 143:
            imaplib.IMAP4(HOST, number).starttls(context)
        case 587:
            smtplib.SMTP(HOST, number).starttls(context=context)
        case _:
            poplib.POP3(HOST, number).stls(context)


def test_who_does_not_trust_the_certificate_is_told(house: Box) -> None:
    anna = house.account("anna")

    def is_told() -> bool:
        return "did not trust the box's certificate" in str(arrivals(house, anna)["bad"])

    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        stranger = ssl.create_default_context()
        stranger.maximum_version = version
        for port in (993, 465, 143, 587, 110):
            with pytest.raises(ssl.SSLCertVerificationError):
                meet(house, port, stranger)
            wait_until(is_told, f"it is told of port {port}")
            use(house, "imap", "SSL", (HOST, house.port(993)), anna)
            assert not is_told()


def test_browsers_and_other_servers_are_not_taken_for_mail_programs(house: Box) -> None:
    stranger = ssl.create_default_context()
    with pytest.raises(ssl.SSLCertVerificationError):
        smtplib.SMTP(HOST, house.port(25)).starttls(context=stranger)
    with socket.create_connection((HOST, house.port(443))) as raw:
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.wrap_socket(raw, server_hostname=HOST)
    use(house, "imap", "SSL", (HOST, house.port(993)), house.account("anna"))
    assert arrivals(house, house.account("ben"))["bad"] == []


def test_other_broken_handshakes_are_not_taken_for_that(house: Box) -> None:
    for noise in (b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x05\xff", b""):
        with socket.create_connection((HOST, house.port(993))) as raw:
            raw.sendall(noise)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(4096):
                pass
    assert arrivals(house, house.account("anna"))["bad"] == []


def test_an_app_password_for_another_service_is_told(house: Box) -> None:
    anna = house.account("anna")
    made = house.cli("account", "app-password", "add", anna.address, "phone", "--for", "imap")
    with smtplib.SMTP_SSL(HOST, house.port(465), context=house.tls()) as smtp:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login(anna.address, made.strip())
    assert "That app password is not for SMTP" in house.cli("account", "arrivals", anna.address)


def test_a_sheet_is_written_with_the_ports_of_this_box(house: Box) -> None:
    anna = house.account("anna")
    made = output(house, "account", "sheet", anna.address, "--link", "https://localhost/start/abc")
    (house.folder / "sheet.pdf").write_bytes(made)
    text = subprocess.run(
        ["pdftotext", "-layout", house.folder / "sheet.pdf", "-"], capture_output=True, check=True
    ).stdout.decode()
    assert "Your mail at Müller & Söhne" in text
    assert f"port {house.port(993)}, SSL/TLS" in text


def test_the_daemon_never_has_what_makes_sheets_and_codes() -> None:
    """47 MB that it would keep for as long as it runs."""
    code = "import appliance.daemon, sys; print([m for m in ('fpdf', 'PIL', 'segno') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == b"[]"


def test_programs_are_led_to_names_that_the_certificate_vouches_for(
    house: Box, tmp_path: Path
) -> None:
    assert told(house).host == HOST
    tree = settings.Settings()
    vouched = names(Options(tmp_path), socket.gethostname()).hosts
    assert offered_here(tree, ["b.test", "a.test"]).host in vouched
    assert offered_here(tree, ["b.test", "a.test"]).office == "a.test"
    trial = offered_here(tree, [], simulate=True, port_base=10000)
    assert trial.host in names(Options(tmp_path, simulate=True), "box").hosts
    assert (trial.title, trial.imap_port, trial.submission_port) == ("localhost", 10993, 10465)


def test_nobody_gets_a_sheet_who_is_not_there(house: Box) -> None:
    for what in ("sheet", "profile", "arrivals"):
        done = house.try_cli("account", what, "nobody@office.test")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "There is no account nobody@office.test.\n"
