"""An office in which nobody pauses: IMAP clients and a sender that write down what was acknowledged.

Every message has a token. Those that are called "gone-..." are expunged by who appended them;
all others nobody removes: they are flagged, copied, moved, and their mailboxes are renamed.
"""

from __future__ import annotations

import contextlib
import imaplib
import random
import re
import smtplib
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from tests.support.box import Box, Person

TOKEN = re.compile(rb"X-Token: (\S+)\r\n")
FOLDERS = ("INBOX", "Archive", "Desk", "Desk/Inner", "Sent")
_FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "$Work", "urgent")


def letter(token: str, rng: random.Random) -> bytes:
    """A message of some hundred to some thousand octets."""
    filler = "".join(f"{rng.getrandbits(200):x}\r\n" for _ in range(rng.randrange(1, 60)))
    head = f"From: anna@office.test\r\nSubject: About {token}\r\nMessage-ID: <{token}@office.test>"
    more = f"Date: Tue, 24 Nov 2026 08:15:00 +0000\r\nX-Token: {token}\r\n\r\n"
    return f"{head}\r\n{more}{filler}".encode()


class Ledger:
    """What was acknowledged, by token."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._acknowledged: dict[str, bytes] = {}
        self.done: Counter[str] = Counter()

    def acknowledge(self, token: str, content: bytes, act: str) -> None:
        with self._lock:
            self._acknowledged[token] = content
            self.done[act] += 1

    def count(self, act: str) -> None:
        with self._lock:
            self.done[act] += 1

    def must_be_there(self) -> dict[str, bytes]:
        """What was acknowledged until now and nobody removes."""
        with self._lock:
            return {t: c for t, c in self._acknowledged.items() if not t.startswith("gone-")}


class Client(threading.Thread):
    """One mail program; `act` is what it does again and again."""

    def __init__(
        self, office: BusyOffice, person: Person, number: int, act: Callable[[Client], None]
    ) -> None:
        super().__init__(daemon=True)
        self.office, self.person, self.number, self._act = office, person, number, act
        self.rng = random.Random(number)
        self.turn = 0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.office.ending.is_set():
                with contextlib.suppress(imaplib.IMAP4.error):  # renamed under its feet
                    self._act(self)
        except BaseException as error:
            self.failure = error
            raise

    def new_letter(self, kind: str) -> tuple[str, bytes]:
        self.turn += 1
        token = f"{kind}-{self.number}-{self.turn}"
        return token, letter(token, self.rng)

    @contextlib.contextmanager
    def session(self) -> Iterator[imaplib.IMAP4]:
        with imaplib.IMAP4("localhost", self.office.box.port(143), timeout=30) as client:
            client.login(self.person.address, self.person.password)
            yield client

    def is_going_on(self) -> bool:
        return not self.office.ending.is_set()


def work(me: Client) -> None:
    """Append, flag, copy, move, expunge: one connection, mailbox after mailbox."""
    with me.session() as client:
        while me.is_going_on():
            folder = me.rng.choice(FOLDERS)
            if client.select(f'"{folder}"')[0] != "OK":  # somebody has renamed it
                continue
            for _ in range(12):
                me.rng.choice((_append, _append, _flag, _copy, _move, _move))(me, client, folder)


def _append(me: Client, client: imaplib.IMAP4, folder: str) -> None:
    token, content = me.new_letter("gone" if me.turn % 12 else "kept")
    status, said = client.append(f'"{folder}"', "(\\Seen)", "", content)
    if status != "OK":
        return
    me.office.ledger.acknowledge(token, content, "appended")
    found = re.search(rb"APPENDUID \d+ (\d+)", said[0])
    if token.startswith("gone-") and found:
        uid = found[1].decode()
        client.uid("STORE", uid, "+FLAGS.SILENT", "(\\Deleted)")
        if client.uid("EXPUNGE", uid)[0] == "OK":
            me.office.ledger.count("expunged")


def _some(me: Client, client: imaplib.IMAP4) -> str:
    found = client.uid("SEARCH", "ALL")[1][0] or b""
    uids = found.decode().split()
    return ",".join(me.rng.sample(uids, min(len(uids), 3)))


def _flag(me: Client, client: imaplib.IMAP4, _folder: str) -> None:
    if some := _some(me, client):
        sign = me.rng.choice("+-")
        if client.uid("STORE", some, f"{sign}FLAGS", f"({me.rng.choice(_FLAGS)})")[0] == "OK":
            me.office.ledger.count("flagged")


def _copy(me: Client, client: imaplib.IMAP4, _folder: str) -> None:
    if me.rng.random() > 0.1:  # seldom, for they stay
        return
    to = me.rng.choice(FOLDERS)
    if (some := _some(me, client)) and client.uid("COPY", some, f'"{to}"')[0] == "OK":
        me.office.ledger.count("copied")


def _move(me: Client, client: imaplib.IMAP4, folder: str) -> None:
    to = me.rng.choice([each for each in FOLDERS if each != folder])
    if (some := _some(me, client)) and client.uid("MOVE", some, f'"{to}"')[0] == "OK":
        me.office.ledger.count("moved")


def rename(me: Client) -> None:
    """Rename a mailbox with one below it, there and back."""
    with me.session() as client:
        while me.is_going_on():
            for old, new in (("Desk", "Table"), ("Table", "Desk")):
                if client.rename(old, new)[0] == "OK":
                    me.office.ledger.count("renamed")


def send(me: Client) -> None:
    """Submissions, one after the other."""
    port = me.office.box.port(587)
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.login(me.person.address, me.person.password)
        while me.is_going_on():
            token, content = me.new_letter("sent")
            assert client.sendmail(me.person.address, [me.person.address], content) == {}
            me.office.ledger.acknowledge(token, content, "sent")
            me.office.ending.wait(0.2)  # they all stay


class BusyOffice:
    """Five IMAP clients of two people and a sender, while the block lasts."""

    def __init__(self, box: Box, anna: Person, ben: Person) -> None:
        self.box, self.ledger, self.ending = box, Ledger(), threading.Event()
        parts = (
            (anna, work),
            (anna, work),
            (anna, work),
            (anna, rename),
            (ben, work),
            (anna, send),
        )
        self._clients = [
            Client(self, person, number, act) for number, (person, act) in enumerate(parts)
        ]
        for person in (anna, ben):
            with imaplib.IMAP4("localhost", box.port(143), timeout=10) as client:
                client.login(person.address, person.password)
                for name in ("Desk", "Desk/Inner"):
                    assert client.create(name)[0] == "OK"

    def __enter__(self) -> BusyOffice:
        for each in self._clients:
            each.start()
        return self

    def __exit__(self, *_why: object) -> None:
        self.ending.set()
        for each in self._clients:
            each.join(60)
            assert not each.is_alive(), "a client hangs"
        for each in self._clients:
            if each.failure is not None:
                raise each.failure
