"""The support bundle: it helps, and nobody's name, address, subject or password is in it."""

from __future__ import annotations

import contextlib
import imaplib
import io
import json
import smtplib
import zipfile
from pathlib import Path

import pytest

from appliance.settings import parse
from appliance.support.bundle import own_words, settings_told
from appliance.support.veil import Veil
from tests.support.box import Box, Person, wait_until
from tests.support.sessions import imap, submission
from tests.web.browser import Reader, make_owner

KEY = b"k" * 32
KNOWN = {"logged", "in", "account", "peer", "from", "ssl", "sslerror", "daemon", "py", "at", "test"}


def veil(*names: str, key: bytes = KEY) -> Veil:
    return Veil(key, KNOWN, names)


@pytest.mark.parametrize(
    "text",
    [
        "logged in",
        "in daemon.py from ssl.SSLError",
        "at 12:30:05, 3.13.2, 127.0.0.1, ::1",
        "in 123456",
    ],
)
def test_the_programs_own_words_and_small_numbers_stay(text):
    assert veil().text(text) == text


@pytest.mark.parametrize(
    "secret",
    [
        "zoe@example.net", "zoe.maier+x@sub.example.net", "Zoë", "1234567", "192.0.2.7",
        "2001:db8::17", "2001:db8:0:1:2:3:4:5", "aa:bb:cc:dd:ee:ff", "mx.example.net", "in.test",
        "<x1y2@example.net>", "=?utf-8?q?Kaufvertrag?=", "zoe%40example.net", "müller@bücher.example",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["in {} at", "account={}", "from [{}]:25.", "({})", "peer={},"])
def test_everything_else_goes(secret, around):
    said = veil().text(around.format(secret))
    assert secret.strip("<>") not in said
    assert not {"zoe", "example", "kaufvertrag", "maier"} & set(
        said.lower().replace("-", " ").split()
    )
    assert "example" not in said


def test_the_same_has_the_same_pseudonym_in_one_bundle_and_another_in_the_next():
    one, other = veil(), veil(key=b"o" * 32)
    first, second = one.text("a1@x.example"), one.text("b1@x.example")
    assert first != second
    assert first.split("@")[1] == second.split("@")[1] == one.text("X.example")
    assert one.text("A1@x.example") == first
    assert other.text("a1@x.example") != first


def test_names_of_people_here_go_although_the_program_uses_the_word():
    assert "test" not in veil("Peter Test").text("in test")


def test_of_settings_a_text_is_only_there_or_not():
    tree = parse('[alerts]\nmail_to = "zoe@example.net"\n[smtp]\nconnections = 77\n')
    told = settings_told(tree)
    assert told["alerts"]["mail_to"] == "(set)"
    assert told["alerts"]["webhook"] == ""
    assert told["smtp"]["connections"] == 77
    assert told["backup"]["mail"] == "news"


MARKS = (
    "zenobia", "quastenflosse", "wohlgemuth", "mandanten", "pfefferkuchen", "rumpelkammer",
    "kuendigung", "geheimsache", "losungswort", "nachbarhaus", "haken", "gesendeteding",
)  # fmt: skip


def busy(box: Box) -> None:
    """Names, addresses, subjects and passwords come in by every door, right and wrong."""
    zenobia = Person("zenobia@office.test", "losungswort 4711 geheimsache")
    named = ("--name", "Zenobia Quastenflosse", "--password-stdin")
    box.cli("account", "add", zenobia.address, *named, stdin=zenobia.password + "\n")
    box.cli("alias", "add", "mandanten@office.test", zenobia.address)
    with imap(box, zenobia) as client:
        client.create("Rumpelkammer")
        client.append("Rumpelkammer", "", None, b"Subject: Geheimsache\r\n\r\nx\r\n")
    with contextlib.suppress(imaplib.IMAP4.error):
        other = imaplib.IMAP4_SSL("localhost", box.port(993), ssl_context=box.tls(), timeout=10)
        with contextlib.closing(other.socket()):
            other.login("wohlgemuth@pfefferkuchen.example", "losungswort")
    message = (
        "From: Wohlgemuth <wohlgemuth@pfefferkuchen.example>\r\nTo: {}\r\nSubject: Kuendigung "
        "Geheimsache\r\nMessage-ID: <gesendeteding@pfefferkuchen.example>\r\n\r\nlosungswort\r\n"
    )
    with smtplib.SMTP("127.0.0.1", box.port(25), "nachbarhaus.example", timeout=30) as door:
        for to in ("mandanten@office.test", "rumpelkammer@office.test"):
            with contextlib.suppress(smtplib.SMTPException):
                sender = "wohlgemuth@pfefferkuchen.example"
                door.sendmail(sender, [to], message.format(to))
    with submission(box, zenobia) as door:
        to = "wohlgemuth@nachbarhaus.invalid"
        door.sendmail(zenobia.address, [to], message.replace("wohlgemuth@pfefferkuchen.example>\r\nTo",
                      f"{zenobia.address}>\r\nTo").format(to))  # fmt: skip


def read(packed: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_a_busy_box_tells_how_it_is_and_names_nobody(tmp_path: Path) -> None:
    settings = (
        '[server]\noffice = "Wohlgemuth"\nlog_level = "debug"\n[alerts]\nwebhook = '
        '"https://haken.example/losungswort"\nmail_to = "zenobia@pfefferkuchen.example"\n'
    )
    with Box(tmp_path / "box", settings=settings) as box:
        make_owner(box)
        busy(box)
        wait_until(lambda: "queue: delivered" in box.log(), "mail has come")
        box.cli("support", str(tmp_path / "support.zip"))
        owner = Reader(box)
        owner.log_in()
        assert "/support.zip" in owner.get("/log").text
        by_page = read(owner.get_bytes("/support.zip"))
        by_command = read((tmp_path / "support.zip").read_bytes())
        log = box.log().lower()
    assert "zenobia" in log  # so there was something to hide
    assert by_page.keys() == by_command.keys()
    for files in (by_page, by_command):
        for name, text in files.items():
            found = [mark for mark in (*MARKS, "office.test") if mark in text.lower()]
            assert not found, (name, found)
    assert "logged in account=person-" in by_page["log.txt"]
    assert json.loads(by_page["queue.json"])["messages"] == 1
    assert json.loads(by_page["settings.json"])["smtp"]["connections"] == 200
    assert json.loads(by_page["versions.json"])["pillarbox"]
    assert json.loads(by_page["health.json"])["facts"]


def test_only_the_owner_gets_it(tmp_path: Path) -> None:
    with Box(tmp_path / "box") as box:
        make_owner(box)
        make_owner(box, "hanna", "--helper", password="a helper's password")
        helper = Reader(box)
        helper.log_in("hanna", "a helper's password")
        assert helper.get("/support.zip").status == 403


def test_the_words_of_the_program_are_many_and_found_once():
    assert {"logged", "valueerror", "imap"} <= own_words()
    assert own_words() is own_words()
