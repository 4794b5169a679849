"""An office of two people on a real store, and IMAP sessions in it without sockets.

Steps are carried out on the spot; a session that was woken (IDLE) is run after every exchange.
"""

from __future__ import annotations

from functools import cache

from appliance.accounts import passwords
from appliance.accounts.directory import Account, AppPassword, Directory
from appliance.accounts.login import Gate
from appliance.clock import SetClock
from appliance.errors import PillarboxError
from appliance.imap.server import Counting, Limits, Server
from appliance.imap.session import Session
from appliance.net.session import Close, Link, Peer, StartTls
from appliance.store.store import Store
from appliance.threads import Shared, Work, run_here
from tests.imap.grammar_judge import judge

ANNA = "anna@office.test"
PASSWORD = "abcd-efgh-jkmn-pqrs-tuvw"  # an app password: checked at once
WALL = 1_795_348_800.0  # 22-Nov-2026 12:00:00 UTC


@cache
def _people() -> Directory:
    app = AppPassword(1, "pc", passwords.app_password_hash(PASSWORD), frozenset({"imap"}), 0, 0, "")
    argon, scram = passwords.argon2("of anna"), passwords.scram_keys("of anna")
    accounts = {
        address: Account(address, "", 0, argon, scram, (app,))
        for address in (ANNA, "ben@office.test")
    }
    return Directory(frozenset({"office.test"}), accounts)


class Client:
    """One connection as its client sees it."""

    def __init__(self, server: Server, *, secure: bool = True, tls_offered: bool = False) -> None:
        self.woken = False
        self.link = Link(
            Peer("192.0.2.1", 40000), secure=secure, tls_offered=tls_offered, wake=self._wake
        )
        self.session = Session(self.link, server)
        self.heard = b""  # everything the server said
        self.unread = b""
        self.closed = False
        self.hops = 0
        self.pieces: list[int] = []
        self._run(self.session.greet())
        self.greeting = self.read()

    def _wake(self) -> None:
        self.woken = True

    def _run(self, steps) -> None:
        answer = error = None
        while True:
            try:
                step = steps.throw(error) if error is not None else steps.send(answer)
            except StopIteration:
                return
            answer = error = None
            if isinstance(step, bytes):
                assert type(step) is bytes
                self.heard += step
                self.unread += step
                self.pieces.append(len(step))
            elif isinstance(step, Work | Shared):
                self.hops += 1
                try:
                    answer = step.run()
                except (PillarboxError, OSError) as failure:
                    error = failure
            elif isinstance(step, StartTls):
                self.link.secure, self.link.tls_offered = True, False
            elif isinstance(step, Close):
                self.closed = True

    def send(self, data: bytes) -> None:
        if not self.closed:
            self._run(self.session.receive(data))

    def run_news(self) -> None:
        if self.woken and not self.closed:
            self.woken = False
            self._run(self.session.news())

    def read(self) -> bytes:
        heard, self.unread = self.unread, b""
        return heard

    def ask(self, command: bytes) -> bytes:
        """Send one command line, return what comes back."""
        self.send(command + b"\r\n")
        return self.read()

    def silence(self) -> None:
        self._run(self.session.timed_out())
        self.closed = True

    def leave(self) -> None:
        run_here(self.session.lost())
        self.closed = True

    def login(self) -> None:
        answer = self.ask(b'x LOGIN anna@office.test "%b"' % PASSWORD.encode())
        assert answer.startswith(b"x OK "), answer


class Office:
    """A store and its server."""

    def __init__(self, mail, *, limits: Limits | None = None, quota: int = 0) -> None:
        self.clock = SetClock(WALL)
        self.store = Store(mail, self.clock)
        self.store.start()
        self.limits = limits or Limits(append_octets=10_000_000)
        self.gate = Gate(_people(), self.clock)
        self.logins: list[tuple[str, str, str]] = []
        self.allow_plain_text = False
        self.home = self.store.home(ANNA)
        self.home.quota_octets = quota
        self.clients: list[Client] = []
        self.doorkeeper = Counting(self.limits.connections_per_account)

    def server(self) -> Server:
        return Server(
            store=self.store,
            gate=self.gate,
            clock=self.clock,
            doorkeeper=self.doorkeeper,
            limits=self.limits,
            allow_plain_text=self.allow_plain_text,
            on_login=lambda login, peer, client: self.logins.append((login.address, peer, client)),
        )

    def connect(self, *, logged_in: bool = True, **options) -> Client:
        client = Client(self.server(), **options)
        self.clients.append(client)
        if logged_in:
            client.login()
            client.read()
        return client

    def add(
        self, message: bytes, *, mailbox: str = "INBOX", flags: int = 0, keywords=(), date=WALL
    ) -> int:
        """Put a message into a mailbox."""
        box = run_here(self.home.open(mailbox))[0]
        incoming = box.incoming()
        run_here(incoming.write(message))
        uid = run_here(box.append(incoming, flags=flags, keywords=keywords, date=date))[0]
        box.close()
        return uid

    def run_news(self) -> None:
        for client in self.clients:
            client.run_news()

    def end(self) -> None:
        """Everybody leaves; all that was said was IMAP."""
        for client in self.clients:
            client.leave()
            judge(client.heard)
        self.store.stop()
