"""Every page of a box with things wrong on it, in German: no English sentence is left.

What looks English is a text with words that German has not, and a text of ours that stands there
as it is in the source though German says it in another way. The test names both.
"""

from __future__ import annotations

import json
import re
import smtplib
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from appliance.speech import sentences
from appliance.speech.language import entries
from appliance.web import pages
from appliance.web.language import LOCALE
from tests.support.box import Box, wait_until
from tests.support.english import english_in
from tests.web.browser import Reader, make_owner

_NAMES = frozenset(("English", "Name", "Test", "System", "Isle of Man"))
"""Texts that are the same in both."""
_DATA = frozenset(("code", "script", "style"))
_WORD_FOR_WORD = frozenset(("words", "secret", "log"))
"""Lists that hold what is typed or was written down, by class."""
_SHOWN = ("aria-label", "alt", "title", "placeholder")
OURS = entries(LOCALE, "de") | entries(sentences.LOCALE, "de")
WITH_VALUES = (
    "/people/anna@office.test", "/domains/office.test", "/trace?hours=24",
    "/setup/mail?way=collected", "/setup/mail?way=direct", "/setup/people", "/setup/sheet",
    "/setup/drive", "/setup/test",
)  # fmt: skip
OTHERS = tuple(
    sorted(each.path for each in pages.PAGES if "{" not in each.path and ".zip" not in each.path)
)


class _Texts(HTMLParser):
    """What a reader of a page reads or hears, but not what is typed word for word."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        named = dict(attributes)
        self.found += [named[each] or "" for each in _SHOWN if each in named]
        is_words = not _WORD_FOR_WORD.isdisjoint((named.get("class") or "").split())
        if tag in _DATA or is_words or (self._skipped and tag == self._skipped[0]):
            self._skipped.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._skipped and tag == self._skipped[-1]:
            self._skipped.pop()

    def handle_data(self, data: str) -> None:
        if not self._skipped and data.strip():
            self.found.append(" ".join(data.split()))


def english(page: str) -> list[str]:
    """The texts of a page that are not German."""
    texts = _Texts()
    texts.feed(page)
    return [each for each in texts.found if _is_english(each)]


def _is_english(text: str) -> bool:
    if text in _NAMES or "Mozilla/" in text or "Python-urllib" in text:
        return False
    return bool(english_in(text)) or OURS.get(text, text) != text


_SETTINGS = '[sending]\nrecipients_per_hour = 2\n[dns]\nservers = "127.0.0.1@9"\n'  # nobody there


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A box with mail that waits, mail that was refused, a bad source, drives and conditions."""
    folder = tmp_path_factory.mktemp("troubled")
    with Box(folder / "box", settings=_SETTINGS) as box:
        make_owner(box)
        reader = Reader(box, language="de")
        assert reader.log_in().status == 200
        _send_and_be_refused(box)
        _make_trouble(reader, folder)
        yield reader


def _send_and_be_refused(box: Box) -> None:
    with smtplib.SMTP("127.0.0.1", box.port(25)) as stranger:
        stranger.ehlo("mx.else.test")
        stranger.mail("x@else.test")
        assert stranger.rcpt("nobody@office.test")[0] == 550
    with smtplib.SMTP_SSL("localhost", box.port(465), context=box.tls()) as anna:
        anna.login("anna@office.test", box.password("anna"))
        for to in ("x@else.test", "y@else.test"):
            anna.sendmail("anna@office.test", [to], "Subject: s\r\n\r\nbody\r\n")
        with pytest.raises(smtplib.SMTPException):
            anna.sendmail("anna@office.test", ["v@else.test"], "Subject: s\r\n\r\nbody\r\n")


def _make_trouble(reader: Reader, folder: Path) -> None:
    for name in ("one", "two"):
        (folder / name).mkdir()
        reader.do("/simulator", "sim_plug", path=str(folder / name))
    (folder / "three").mkdir()
    reader.do("/simulator", "sim_press", seconds="0.2")
    reader.do("/backups", "backup_adopt", path=str(folder / "one"))
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    reader.do(
        "/flow", "source_add", name="provider", kind="imap", host="127.0.0.1", port=str(port),
        user="office", password="x", to="anna@office.test",
    )  # fmt: skip
    reader.do("/people", "alias_add", alias="info@office.test", targets="anna@office.test")
    reader.do("/flow", "device_add", name="scanner", address="192.168.1.30",
              account="anna@office.test", per_hour="10")  # fmt: skip
    reader.do("/people/anna@office.test", "app_password_add", name="phone", services="imap")
    _fail_a_backup(reader, folder / "one")


def _fail_a_backup(reader: Reader, drive: Path) -> None:
    """The drive says that it belongs to another box."""
    about = next(drive.rglob("*.json"))
    about.write_text(json.dumps(json.loads(about.read_text()) | {"box": "another"}))
    to = reader.api("GET", "/backups/targets").json[0]["id"]
    reader.do("/backups", "backup_now", to=to)
    wait_until(lambda: reader.get("/backups").says("gehört einer anderen Box"), "it failed")
    wait_until(lambda: reader.get("/flow").says("antwortet nicht"), "the source was tried")


@pytest.mark.parametrize("path", WITH_VALUES + OTHERS)
def test_a_page_has_no_english_on_it(troubled, path):
    page = troubled.get(path)
    assert page.status < 500  # some are for people with mail, some for after a step
    if page.headers["Content-Type"].startswith("text/html"):
        assert page.headers["Content-Language"] == "de"
        assert english(page.text) == []


def test_a_page_that_is_not_there_says_so_in_german(troubled):
    page = troubled.get("/nowhere")
    assert page.status == 404
    assert english(page.text) == []


REFUSED = (
    ("/people", "domain_add", {"domain": "office.test"}),
    ("/people", "domain_add", {"domain": "no domain"}),
    ("/people", "domain_remove", {"domain": "office.test"}),
    ("/people", "account_add", {"address": "anna@office.test", "password": "long enough for us"}),
    ("/people", "account_add", {"address": "x@else.test", "password": "long enough for us"}),
    ("/people", "account_add", {"address": "x@office.test", "password": "short"}),
    ("/people", "account_add", {"address": "x", "password": "long enough", "quota": "many"}),
    ("/people", "alias_add", {"alias": "anna@office.test", "targets": "ben@office.test"}),
    ("/people", "alias_add", {"alias": "a@office.test", "targets": ""}),
    ("/people/anna@office.test", "app_password_add", {"name": "phone", "services": "imap"}),
    ("/flow", "relay_add", {"name": "a relay", "host": "smtp.example.net"}),
    ("/flow", "route_add", {"way": "elsewhere", "recipient": "x@else.test"}),
    ("/flow", "device_add", {"name": "UP", "address": "x", "account": "y", "per_hour": "0"}),
    ("/flow", "source_add", {"name": "provider", "host": "h", "user": "u", "to": "v@else.test"}),
    (
        "/moving-in",
        "move_add",
        {"address": "anna@office.test", "host": "-", "user": "u", "password": "x"},
    ),
    (
        "/moving-in",
        "move_add",
        {"address": "v@else.test", "host": "h", "user": "u", "login": "other", "client_id": ""},
    ),
    ("/moving-in", "move_import", {"list": "no such columns"}),
    ("/backups", "backup_now", {"to": "nowhere"}),
    ("/backups", "backup_adopt", {"path": "/nowhere"}),
    ("/disks", "disk_use", {"disk": "/nowhere"}),
    ("/health", "alert_test", {}),
    ("/me", "my_password", {"present": "wrong", "password": "another long one"}),
    ("/recovery-sheet", "sheet_prove", {"first": "x", "second": "y"}),
    ("/simulator", "sim_plug", {"path": "/nowhere"}),
    ("/setup/test", "mail_test", {"address": "no address"}),
    ("/queue", "no_such_form", {}),
)


@pytest.mark.parametrize(("page", "operation", "typed"), REFUSED)
def test_a_refusal_has_no_english_in_it(troubled, page, operation, typed):
    answer = troubled.do(page, operation, **typed)
    assert 'role="alert"' in answer.text or "error" in answer.text
    assert english(answer.text) == []


def test_the_box_has_all_that_trouble(troubled):
    assert troubled.get("/flow").says("antwortet nicht auf Port")
    assert troubled.get("/health").says("darf nichts mehr senden")
    assert troubled.get("/queue").says("Ihr Absender ist gestoppt")
    assert troubled.get("/trace?hours=24").says("Niemand hier hat diese Adresse.")
    assert troubled.get("/domains/office.test").says("Das DNS gab keine Antwort")


def test_doors_and_what_users_see_have_no_english(troubled):
    box = troubled.box
    stranger = Reader(box, language="de")
    assert english(stranger.get("/login").text) == []
    assert english(stranger.log_in("hanna", "wrong").text) == []
    assert english(stranger.get("/start/nothing").text) == []
    ben = Reader(box, language="de")
    ben.log_in("ben@office.test", box.password("ben"))
    for path in ("/", "/me", "/people"):
        assert english(ben.get(path).text) == []


def test_english_would_be_found(troubled):
    page = troubled.get("/health").text
    assert english(page.replace("</h1>", "</h1><p>Nobody answers.</p>")) == ["Nobody answers."]
    assert english(re.sub(r"<h1>[^<]*", "<h1>Health", page)) == ["Health"]
