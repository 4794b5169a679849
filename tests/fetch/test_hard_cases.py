"""Mailboxes at providers that are not as one would wish: nothing is lost, nothing comes twice."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.accounts.database import AccountsDatabase
from appliance.errors import OverQuota, Temporary
from appliance.fetch.ledger import Ledger
from appliance.fetch.pop3 import Pop3Remote
from appliance.fetch.registry import Registry
from appliance.fetch.remote import Trouble
from appliance.fetch.source import Collected, Consent, Kind, Source
from appliance.fetch.visit import Count, Hurt, Visit
from tests.fetch.maildrop import Letter, Maildrop
from tests.relay.authority import Authority
from tests.support.box import Box, wait_until
from tests.support.mail import stored_messages

DAY = 86_400.0
PEOPLE = {"anna@office.test", "ben@office.test"}


class Office:
    """What takes the mail, and the ledger on disk."""

    def __init__(self, folder: Path, drop: Maildrop, authority: Authority) -> None:
        self._database = AccountsDatabase(folder)
        Registry(self._database)
        self.ledger = Ledger(self._database)
        self.drop = drop
        self.trusting = ssl.create_default_context(cafile=str(authority.file))
        self.source = Source(
            "s", Kind.POP3, "localhost", drop.port, "joe", "anna@office.test", secret="x"
        )
        self.taken: list[Collected] = []
        self.queue: set[str] = set()
        self.hurt: dict[str, Hurt] = {}
        self.now = time.time()
        self.refuse: Callable[[Collected], Exception | None] = lambda _: None
        self.forgets = True

    def take(self, message: Collected) -> None:
        if error := self.refuse(message):
            raise error
        self.taken.append(message)
        self.queue.add(message.key)

    def is_known(self, address: str) -> bool:
        return address in PEOPLE

    def recorded(self) -> frozenset[str]:
        return frozenset(self.queue)

    def forget(self, keys: object) -> None:
        if self.forgets:
            self.queue -= set(keys)  # type: ignore[call-overload]

    def visit(self) -> Count:
        remote = Pop3Remote(self.source, self.trusting, lambda: "")
        try:
            return Visit(
                self.source, remote, self.ledger, self, lambda: self.now, hurt=self.hurt
            ).run()
        finally:
            remote.close()

    @property
    def bodies(self) -> list[bytes]:
        return [each.content.rpartition(b"\r\n\r\n")[2].strip() for each in self.taken]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def drop(authority: Authority) -> Iterator[Maildrop]:
    made = Maildrop(authority.server("localhost")[0])
    yield made
    made.close()


@pytest.fixture
def office(tmp_path: Path, drop: Maildrop, authority: Authority) -> Office:
    return Office(tmp_path, drop, authority)


def letter(mark: str, text: str, *, spoil: str = "", more: str = "") -> Letter:
    content = f"From: joe@else.test\r\n{more}Subject: {text}\r\n\r\n{text}\r\n"
    return Letter(mark, content.encode(), spoil)


@pytest.mark.parametrize("spoil", ["err", "hang up"])
def test_one_message_that_cannot_be_had_does_not_keep_the_others(
    office: Office, spoil: str
) -> None:
    office.drop.letters = [letter("a", "one", spoil=spoil), letter("b", "two"), letter("c", "x")]
    for _ in range(5):
        try:
            count = office.visit()
        except Trouble as error:
            assert error.is_of_one_message
    assert office.bodies == [b"two", b"x"]
    assert count.stuck == 1
    assert office.drop.retrieved.count("a") == 3  # then it rests
    office.drop.letters[0].spoil = ""
    office.now += 7 * 3600
    assert office.visit().stuck == 0
    assert office.bodies == [b"two", b"x", b"one"]


def test_a_message_that_trips_us_does_not_keep_the_others(office: Office) -> None:
    office.drop.letters = [letter("a", "trips"), letter("b", "two")]
    office.refuse = lambda message: ValueError("ours") if b"trips" in message.content else None
    office.visit()
    assert office.bodies == [b"two"]


def test_a_mailbox_that_is_full_here_keeps_only_its_own_mail_waiting(office: Office) -> None:
    office.source = replace(office.source, keep_days=0)
    office.drop.letters = [letter("a", "large"), letter("b", "two")]
    office.refuse = lambda message: OverQuota("full") if b"large" in message.content else None
    assert office.visit().without_room == 1
    assert [each.mark for each in office.drop.letters] == ["a"]
    office.refuse = lambda _: None
    office.visit()
    assert office.bodies == [b"two", b"large"]


def test_when_nothing_can_be_taken_nothing_is_deleted(office: Office) -> None:
    office.source = replace(office.source, keep_days=0)
    office.drop.letters = [letter("a", "one"), letter("b", "two")]
    office.refuse = lambda message: Temporary("disk full") if b"two" in message.content else None
    with pytest.raises(Temporary):
        office.visit()
    assert len(office.drop.letters) == 2


def test_marks_that_repeat_hide_no_message(office: Office) -> None:
    office.drop.letters = [letter("same", "one")]
    office.visit()
    office.drop.letters += [letter("same", "two"), letter("own", "three")]
    office.visit()
    office.visit()
    assert office.bodies == [b"one", b"two", b"three"]
    del office.drop.letters[0]
    office.drop.letters.append(letter("same", "four"))
    office.visit()
    assert office.bodies == [b"one", b"two", b"three", b"four"]


def test_a_provider_without_marks(office: Office) -> None:
    office.drop.has_uidl = False
    office.drop.letters = [letter("", "one"), letter("", "two")]
    office.visit()
    office.drop.letters.append(letter("", "three"))
    office.visit()
    assert office.bodies == [b"one", b"two", b"three"]


@pytest.mark.parametrize("mark", ["ends!", "!", "a:b!", "=x", "has space !"])
def test_any_mark_is_remembered(office: Office, mark: str) -> None:
    office.drop.letters = [letter(mark, "one")]
    office.visit()
    office.visit()
    office.forgets = False  # killed between the queue and the ledger
    office.drop.letters.append(letter(f"2{mark}", "two"))
    office.visit()
    with office.ledger._database.change() as db:
        db.execute("delete from fetch_taken where mark = ?", [f"2{mark}"])
    office.visit()
    assert office.bodies == [b"one", b"two"]


def test_new_marks_for_all_messages_make_none_of_them_new(office: Office) -> None:
    office.drop.letters = [letter(f"old{n}", f"text {n}") for n in range(5)]
    office.visit()
    for number, each in enumerate(office.drop.letters):
        each.mark = f"new{number}"
    office.drop.letters.append(letter("new5", "really new"))
    office.visit()
    office.visit()
    assert office.bodies == [*(b"text %d" % n for n in range(5)), b"really new"]


def test_two_messages_alike_are_two(office: Office) -> None:
    office.drop.letters = [letter("a", "alike"), letter("b", "alike")]
    office.visit()
    assert office.bodies == [b"alike", b"alike"]


def test_a_mailbox_that_looks_empty_once_does_not_make_everything_new(office: Office) -> None:
    letters = office.drop.letters = [letter("a", "one"), letter("b", "two")]
    office.visit()
    office.now += 40 * DAY
    office.drop.letters = []
    office.visit()
    office.drop.letters = letters
    office.visit()
    assert office.bodies == [b"one", b"two"]
    office.drop.letters = []
    office.visit()
    office.now += 31 * DAY
    office.visit()
    assert office.ledger.marks("s") == {}


def test_a_clock_that_was_wrong_deletes_nothing_too_early(office: Office) -> None:
    office.source = replace(office.source, keep_days=10)
    office.drop.letters = [letter("a", "one")]
    right, office.now = office.now, 1000.0
    office.visit()
    office.now = right
    office.visit()
    assert len(office.drop.letters) == 1
    office.now = right + 11 * DAY
    office.visit()
    assert office.drop.letters == []


def test_different_messages_with_one_message_id_reach_everybody(office: Office) -> None:
    office.source = replace(office.source, deliver_to="@office.test", fields=("to-cc",))
    names = "To: anna@office.test, ben@office.test\r\nMessage-ID: <1@else.test>\r\n"
    office.drop.letters = [
        letter("a", "invoice", more=names), letter("b", "invoice", more=names),
        letter("c", "another", more=names),
    ]  # fmt: skip
    office.visit()
    got = [(who, body) for each, body in zip(office.taken, office.bodies, strict=True)
           for who in each.recipients]  # fmt: skip
    assert sorted(got) == [
        ("anna@office.test", b"another"), ("anna@office.test", b"invoice"),
        ("ben@office.test", b"another"), ("ben@office.test", b"invoice"),
    ]  # fmt: skip


def test_empty_messages_and_such_without_a_body(office: Office) -> None:
    office.drop.letters = [
        Letter("a", b""), Letter("b", b"Subject: header only\r\n"), Letter("c", b"\r\nno header\r\n")
    ]  # fmt: skip
    office.visit()
    assert len(office.taken) == 3
    assert office.visit().taken == 0


def test_fifty_thousand_messages_are_listed_in_seconds(office: Office) -> None:
    office.drop.letters = [letter(f"mark{n}", "x") for n in range(50_000)]
    with office.ledger._database.change() as db:
        rows = [{"source": "s", "mark": f"mark{n}", "at": office.now, "outcome": "taken"}
                for n in range(49_990)]  # fmt: skip
        db.table("fetch_taken").insert_all(rows)
    office.visit()
    begun = time.monotonic()
    assert office.visit().taken == 0
    assert time.monotonic() - begun < 5
    assert len(office.taken) == 10


# --- logging in with a token


def oauth(office: Office, token: str) -> Pop3Remote:
    source = replace(office.source, consent=Consent("https://x.test/token", "us"))
    return Pop3Remote(source, office.trusting, lambda: token)


@pytest.mark.parametrize("offered", ["XOAUTH2", "OAUTHBEARER", "PLAIN OAUTHBEARER XOAUTH2"])
def test_a_token_is_taken_in_the_way_that_is_offered(office: Office, offered: str) -> None:
    office.drop.tokens, office.drop.sasl = ("t" * 2000,), offered
    oauth(office, "t" * 2000).close()
    wanted = "OAUTHBEARER" if "OAUTHBEARER" in offered else "XOAUTH2"
    assert f"AUTH {wanted}".encode() in office.drop.said


@pytest.mark.parametrize(("offered", "closing"), [("XOAUTH2", b""), ("OAUTHBEARER", b"AQ==")])
def test_a_token_that_is_refused_is_a_failed_login(
    office: Office, offered: str, closing: bytes
) -> None:
    office.drop.tokens, office.drop.sasl = ("right",), offered
    with pytest.raises(Trouble) as failed:
        oauth(office, "wrong")
    assert failed.value.is_login
    assert office.drop.said[-1] == closing


# --- the whole way


@pytest.fixture(scope="module")
def box(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    settings = f'[fetch]\nca_file = "{authority.file}"\n[dns]\nservers = "127.0.0.1@9"\n'
    with Box(tmp_path_factory.mktemp("box"), settings=settings) as box:
        yield box


def collect(box: Box, drop: Maildrop, name: str, to: str) -> None:
    box.cli("fetch", "add", name, "localhost", "joe", "--to", to, "--kind", "pop3", "--port",
            str(drop.port), "--password-stdin", stdin="x\n")  # fmt: skip


def test_what_comes_to_people_may_be_passed_on(box: Box, drop: Maildrop) -> None:
    anna = box.person("anna")
    drop.letters = [
        Letter("a", b"Subject: bare\r\n\r\none\rtwo\0three\r\n.\rMAIL FROM:<x>\r\n"),
        Letter("b", b""), Letter("c", b"Subject: only\r\n"), Letter("d", b"\r\nno header\r\n"),
    ]  # fmt: skip
    collect(box, drop, "mended", anna.address)
    wait_until(lambda: len(stored_messages(box, anna)) == 4, "all have come", seconds=30)
    found = stored_messages(box, anna)
    assert any(b"one\r\ntwothree\r\n.\r\nMAIL FROM:<x>\r\n" in each for each in found)
    for each in found:
        assert each.replace(b"\r\n", b"").translate(None, b"\r\n\0") == each.replace(b"\r\n", b"")


def test_the_owner_is_told_of_what_waits(box: Box, drop: Maildrop) -> None:
    small = box.person("small", quota=2000)
    drop.letters = [letter("a", "x" * 3000), letter("b", "fits"), letter("c", "no", spoil="err")]
    collect(box, drop, "waits", small.address)

    def listed() -> str:
        found = json.loads(box.cli("fetch", "list", "--json"))
        return str(next(each for each in found if each["name"] == "waits").get("trouble"))

    wait_until(lambda: "a mailbox here is full" in listed(), "the full mailbox is told of")
    wait_until(lambda: len(stored_messages(box, small)) == 1, "what fits is delivered")
    drop.letters = [drop.letters[2]]
    for _ in range(2):
        time.sleep(0.3)
        box.cli("fetch", "now", "waits")
    wait_until(lambda: "1 of the messages at localhost cannot be" in listed(), "it is told of")
    assert "cannot be collected" in box.cli("status")
