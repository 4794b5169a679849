"""A working day (journey J4): what comes, what goes, and where it is when somebody asks.

The box runs between a real provider (Dovecot) and a server for outgoing mail that is sometimes away;
an owner looks on in Chromium.
"""

from __future__ import annotations

import asyncio
import email
import os
import shutil
import smtplib
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage, Message
from email.policy import SMTP
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from appliance import control
from tests.relay.authority import Authority
from tests.relay.peers import Peer
from tests.support.box import Box, Person, wait_until
from tests.support.dovecot import PASSWORD, Provider
from tests.support.mail import letter, stored_messages, submit
from tests.web.browser import OWNER, OWNER_PASSWORD, make_owner
from tests.web.chromium import Chromium, chromium

pytestmark = [pytest.mark.clients, pytest.mark.timeout(120)]
MIB = 1 << 20
MOST_AN_HOUR = 20
SETTINGS = f"""
[fetch]
ca_file = "{{ca}}"
[filters]
dmarc = "off"
[sending]
recipients_per_hour = {MOST_AN_HOUR}
"""


class WayOut:
    """The provider's server for what goes out, on one port, there or away."""

    def __init__(self) -> None:
        self.peer = Peer({"EHLO": "250-peer.test\r\n250-SIZE 100000000\r\n250 8BITMIME"})
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])

    def open(self) -> None:
        asyncio.run_coroutine_threadsafe(self.peer.start(port=self.port), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.peer.stop(), self._loop).result(10)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def subjects(self) -> list[str]:
        """Of what has come."""
        return [subject_of(each) for each in self.peer.messages]


class Day:
    """All that is there on it."""

    def __init__(self, box: Box, provider: Provider, way_out: WayOut, window: Chromium) -> None:
        self.box = box
        self.provider = provider
        self.way_out = way_out
        self.window = window

    def collect(self, user: str, to: str, *more: str) -> None:
        """From a mailbox at the provider, and wait until it is connected."""
        self.box.cli(
            "fetch", "add", user, "localhost", user, "--to", to, "--kind", "imap",
            "--port", str(self.provider.ports["imaps"]), "--password-stdin", *more,
            stdin=f"{PASSWORD}\n",
        )  # fmt: skip
        standing = lambda: control.ask(self.box.state, "fetch_status")[user]  # noqa: E731 - one line
        wait_until(lambda: standing().get("last_visit"), "it is connected", seconds=30)

    def in_mailbox(self, who: Person, subject: str) -> bytes | None:
        """The message of a subject."""
        found = [each for each in stored_messages(self.box, who) if subject_of(each) == subject]
        assert len(found) <= 1, "nothing comes twice"
        return found[0] if found else None

    def until_in_mailbox(self, who: Person, subject: str) -> bytes:
        wait_until(lambda: self.in_mailbox(who, subject), f"{subject} is there", seconds=30)
        found = self.in_mailbox(who, subject)
        assert found is not None
        return found

    def sends(self, who: Person) -> smtplib.SMTP_SSL:
        """Somebody's mail program."""
        client = smtplib.SMTP_SSL("localhost", self.box.port(465), context=self.box.tls())
        client.login(who.address, who.password)
        return client


def subject_of(message: bytes) -> str:
    head = message.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    lines = [each for each in head.split("\r\n") if each.lower().startswith("subject:")]
    return lines[0].partition(":")[2].strip().removeprefix("About ") if lines else ""


def with_attachment(subject: str, who: Person, to: str, content: bytes, kind: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = who.address, to, subject
    message.set_content("See the attachment.")
    message.add_attachment(content, maintype="application", subtype=kind, filename=f"it.{kind}")
    return bytes(message)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    folder = Path(tempfile.mkdtemp(prefix="provider-", dir="/var/tmp"))
    folder.chmod(0o755)
    authority = Authority(folder)
    authority.server("localhost")
    provider, way_out = Provider(folder / "dovecot", folder / "localhost-30.pem"), WayOut()
    settings = SETTINGS.format(ca=authority.file)
    try:
        provider.start()
        with Box(tmp_path_factory.mktemp("box"), settings=settings) as box:
            make_owner(box)
            where = ("127.0.0.1", "--port", str(way_out.port), "--tls", "none")
            box.cli("relay", "add", "provider", *where)
            box.cli("relay", "default", "provider")
            with chromium(box) as window:
                window.resize(1440)
                window.log_in(OWNER, OWNER_PASSWORD)
                window.awaits("The lamps on the box now")
                window.complaints()
                yield Day(box, provider, way_out, window)
                assert window.complaints() == []
    finally:
        way_out.end()
        provider.stop()
        shutil.rmtree(folder, ignore_errors=True)


# --- 1, 9: what comes to a provider is here within seconds, and found in three clicks


def test_mail_at_the_provider_is_here_within_half_a_minute_and_three_clicks_tell_where(
    day: Day,
) -> None:
    anna, window = day.box.account("anna"), day.window
    user = day.provider.user("anna-at-the-provider")
    day.collect(user, anna.address)
    begun = time.monotonic()
    order = letter("an-order", "joe@else.test", anna.address)
    day.provider.deliver(user, b"Return-Path: <joe@else.test>\r\n" + order)
    found = day.until_in_mailbox(anna, "an-order")
    assert time.monotonic() - begun < 30
    assert found.count(b"Return-Path:") == 1

    window.go("/")
    window.press("Where is my mail?")  # the first click
    window.awaits("Look")
    window.type("recipient", "anna")
    window.press("Look")  # the second; a third is not needed

    def told() -> bool:
        if not window.sees("delivered"):
            window.driver.refresh()
        return window.sees("delivered")

    wait_until(told, "the page tells", seconds=20)
    story = window.driver.find_element(By.CSS_SELECTOR, "article.story").text
    assert "joe@else.test" in story
    assert "INBOX" in story
    assert window.violations() == []


# --- 2: one mailbox for a whole domain


def test_the_mailbox_of_a_domain_goes_to_its_people_and_what_nobody_has_to_the_admin(
    day: Day,
) -> None:
    admin, ben, carl = day.box.account("anna"), day.box.account("ben"), day.box.person("carl")

    def to(address: str, name: str) -> bytes:
        return f"X-Original-To: {address}\r\n".encode() + letter(name, "joe@else.test", address)

    user = day.provider.user("whole-domain")
    day.provider.deliver(
        user, to(ben.address, "for-ben"), to(carl.address, "for-carl"),
        to("nobody@office.test", "for-nobody"),
    )  # fmt: skip
    day.collect(user, "@office.test", "--fields", "x-original-to,to-cc")
    day.until_in_mailbox(ben, "for-ben")
    day.until_in_mailbox(carl, "for-carl")
    day.until_in_mailbox(admin, "for-nobody")
    for who in (admin, ben, carl):
        others = {"for-ben", "for-carl", "for-nobody"} - {
            {admin: "for-nobody", ben: "for-ben", carl: "for-carl"}[who]
        }
        assert all(day.in_mailbox(who, each) is None for each in others)


# --- 5: large attachments


def test_a_large_attachment_goes_through_and_a_larger_one_is_refused_in_clear_words(
    day: Day,
) -> None:
    ben, carl = day.box.account("ben"), day.box.person("carl")
    content = os.urandom(25 * MIB)
    with day.sends(ben) as client:
        client.sendmail(
            ben.address, [carl.address],
            with_attachment("plans", ben, carl.address, content, "zip"),
        )  # fmt: skip
        with pytest.raises(smtplib.SMTPSenderRefused) as refusal:
            client.sendmail(ben.address, [carl.address], bytes(41 * MIB))
    assert refusal.value.smtp_code == 552
    said = b"5.3.4 The message is larger than the 35 MiB that are taken here."
    assert refusal.value.smtp_error == said
    found = day.until_in_mailbox(carl, "plans")
    attached = email.message_from_bytes(found).get_payload(1)
    assert isinstance(attached, Message)
    assert attached.get_payload(decode=True) == content


# --- 6: the scanner


def test_a_scanner_in_the_office_sends_a_pdf_by_auth_login(day: Day) -> None:
    """Old ones know no TLS: an address of the office network is told to the box for that, and a
    password of its own opens nothing but sending."""
    ben, carl = day.box.account("ben"), day.box.person("carl")
    words = day.box.cli("account", "app-password", "add", ben.address, "scanner", "--for", "smtp")
    password = words.split()[-1]
    day.box.cli("device", "add", "scanner", "127.0.0.9", "--account", ben.address)
    pdf = b"%PDF-1.4\n" + os.urandom(200_000)
    with smtplib.SMTP(
        "127.0.0.1", day.box.port(587), source_address=("127.0.0.9", 0), timeout=20
    ) as client:
        client.ehlo()
        assert "LOGIN" in client.esmtp_features["auth"].split()
        client.user, client.password = ben.address, password
        client.auth("LOGIN", client.auth_login)
        scan = with_attachment("a-scan", ben, carl.address, pdf, "pdf")
        client.sendmail(ben.address, [carl.address], scan)
    found = day.until_in_mailbox(carl, "a-scan")
    assert b"application/pdf" in found
    day.box.cli("device", "remove", "scanner")


# --- 7: the internet is down


def test_without_internet_mail_inside_flows_and_what_goes_out_waits_and_drains_once(
    day: Day,
) -> None:
    box, window = day.box, day.window
    ben, carl = box.account("ben"), box.person("carl")
    names = [f"out-{number}" for number in range(5)]
    for name in names:
        submit(box, ben, ["joe@else.test"], letter(name, ben.address, "joe@else.test"))
    submit(box, ben, [carl.address], letter("inside", ben.address, carl.address))
    day.until_in_mailbox(carl, "inside")
    window.go("/queue")

    def next_try() -> bool:
        if not window.sees("Next try:"):
            window.driver.refresh()
        return window.sees("Next try:")

    wait_until(next_try, "the page says when it is tried next", seconds=20)
    assert window.driver.page_source.count("1 recipient waits.") == 5
    assert window.sees("127.0.0.1 does not answer.")
    assert window.violations() == []
    day.way_out.open()
    window.press("Try all of it now")
    wait_until(lambda: len(day.way_out.subjects()) == 5, "all of it goes", seconds=30)
    # they begin in order (tests/queue/test_outside.py); four at once may overtake each other
    assert sorted(day.way_out.subjects()) == names
    window.go("/queue")
    window.awaits("Nothing waits: everything has reached everybody.")


# --- 8: a stolen password


def test_who_sends_far_too_much_is_stopped_and_page_lamp_and_owner_know(day: Day) -> None:
    box, window = day.box, day.window
    dora, owner = box.person("dora"), box.account("anna")
    recipients = [f"r{number}@far.test" for number in range(5)]
    sent = 0
    with day.sends(dora) as client:
        for number in range(10):
            try:
                client.sendmail(
                    dora.address, recipients, letter(f"spam-{number}", dora.address, "you")
                )
                sent += len(recipients)
            except smtplib.SMTPResponseException as error:
                assert b"far more was sent than usual" in error.smtp_error
    assert sent == MOST_AN_HOUR
    window.go("/")
    window.awaits(f"{dora.address} may send nothing any more")
    lamps = control.ask(box.state, "sim_leds")
    assert lamps["status"]["meaning"] == "Somebody should look at the page in the next days."
    assert window.sees(lamps["status"]["meaning"])
    day.until_in_mailbox(owner, f"{dora.address} has been stopped")
    assert window.violations() == []
