"""Logging in: the one gate that every door asks.

`Gate` knows the people (a `Directory`), slows guessing down (`Throttle`), checks passwords in at
most two threads at a time (`_ARGON_LANES`; each check needs 19 MiB), and remembers for some
minutes, in memory and under a key of this process, which passwords were right: mail programs log
in many times an hour with the same one. A change of the people forgets all of that.
"""

from __future__ import annotations

import hmac
import logging
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from appliance.accounts import passwords
from appliance.accounts.directory import Account, AppPassword, Directory
from appliance.accounts.throttle import Throttle
from appliance.clock import Clock
from appliance.errors import AuthenticationFailed, Temporary
from appliance.threads import Lane, Pause, Steps, in_thread

log = logging.getLogger("pillarbox.login")

_REMEMBER_SECONDS = 600.0
_MOST_REMEMBERED = 2_000
_NOTE_USE_EVERY_SECONDS = 3600.0
WRONG = "Wrong user name or password."


class Service(Enum):
    """What somebody logs in to."""

    IMAP = "imap"
    POP3 = "pop3"
    SMTP = "smtp"
    SIEVE = "sieve"
    PAGE = "page"  # no app password is for it


@dataclass(frozen=True, slots=True)
class Login:
    """Who has proven to be who."""

    address: str
    quota_octets: int = 0  # 0: none
    device: str = ""  # the name of the app password that was used


NoteUse = Callable[[int, float, str], None]


def _note_nothing(_app_password: int, _at: float, _peer: str) -> None:
    """For a gate without a database."""


class Gate:
    """Checks logins for all doors. Belongs to the event loop."""

    def __init__(
        self,
        directory: Directory,
        clock: Clock,
        *,
        throttle: Throttle | None = None,
        note_use: NoteUse = _note_nothing,
        pepper: bytes = b"",
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._throttle = throttle or Throttle()
        self._note_use = note_use
        self.pepper = pepper or os.urandom(32)
        self._memory_key = os.urandom(32)
        self._remembered: OrderedDict[bytes, float] = OrderedDict()
        self._noted: dict[int, float] = {}
        self._lanes = (Lane("password"), Lane("password"))
        self._note_lane = Lane("appliance.db")
        self._turn = 0
        self._dummy = ""

    @property
    def directory(self) -> Directory:
        """All people as they are now."""
        return self._directory

    def change(self, directory: Directory) -> None:
        """People have changed: from now on this is who is here."""
        self._directory = directory
        self._remembered.clear()

    def password(self, name: str, password: str, service: Service, peer_host: str) -> Steps[Login]:
        """Check a name and password.

        Raises:
            AuthenticationFailed: wrong; it is not said which of the two.
            Temporary: too many failures from there; it says for how long.
        """
        account = self._directory.find(name)
        key = account.address if account is not None else name.lower()[:320]
        yield from self.wait_in_line(peer_host, key)
        device = ""
        app = _app_password(account, password, service) if account is not None else None
        if app is not None:
            device = app.name
            yield from self._use(app, peer_host)
        elif not (yield from self._matches(account, password)):
            self.note_failure(peer_host, key, service)
        assert account is not None
        return replace(self.welcome(account, peer_host), device=device)

    def wait_in_line(self, peer_host: str, account_key: str) -> Steps[None]:
        """Hold an attempt back, or refuse it, as the throttle says."""
        verdict = self._throttle.verdict(peer_host, account_key, self._clock.monotonic())
        if verdict.refused_seconds > 0:
            minutes = int(verdict.refused_seconds // 60) + 1
            raise Temporary(f"Too many failed logins. Try again in {minutes} minutes.")
        if verdict.pause_seconds > 0:
            yield Pause(verdict.pause_seconds)

    def note_failure(self, peer_host: str, account_key: str, service: Service) -> None:
        """Count a failure and raise it."""
        self._throttle.failed(peer_host, account_key, self._clock.monotonic())
        log.warning("login failed", extra={"peer": peer_host, "service": service.value})
        raise AuthenticationFailed(WRONG)

    def note_success(self, peer_host: str, account_key: str) -> None:
        """Count a success."""
        self._throttle.succeeded(peer_host, account_key)

    def welcome(self, account: Account, peer_host: str) -> Login:
        """Count a success; who it is."""
        self.note_success(peer_host, account.address)
        return Login(account.address, account.quota_octets)

    def _matches(self, account: Account | None, password: str) -> Steps[bool]:
        if account is not None and self._is_remembered(account, password):
            return True
        phc = account.argon2 if account is not None else (yield from self._dummy_hash())
        right = yield from in_thread(
            lambda: passwords.argon2_matches(password, phc), self._next_lane()
        )
        if right and account is not None:
            self._remember(account, password)
        return right and account is not None

    def _dummy_hash(self) -> Steps[str]:
        """A hash nobody has the password of, so that unknown names take as long as known ones."""
        if not self._dummy:
            self._dummy = yield from in_thread(
                lambda: passwords.argon2(os.urandom(16).hex()), self._next_lane()
            )
        return self._dummy

    def _next_lane(self) -> Lane:
        self._turn ^= 1
        return self._lanes[self._turn]

    def _use(self, app: AppPassword, peer_host: str) -> Steps[None]:
        """Write down at most once an hour that an app password is in use."""
        now = self._clock.wall()
        if abs(now - self._noted.get(app.id, app.last_used)) < _NOTE_USE_EVERY_SECONDS:
            return
        self._noted[app.id] = now
        try:
            yield from in_thread(lambda: self._note_use(app.id, now, peer_host), self._note_lane)
        except Temporary as error:  # the login is right all the same
            log.warning("the use of an app password was not written down: %s", error)

    def _mark(self, account: Account, password: str) -> bytes:
        text = account.address.encode() + b"\0" + passwords.prepared(password)
        return hmac.digest(self._memory_key, text, "sha256")

    def _remember(self, account: Account, password: str) -> None:
        if self._directory.accounts.get(account.address) is not account:
            return  # the people changed while the password was checked
        until = self._clock.monotonic() + _REMEMBER_SECONDS
        self._remembered[self._mark(account, password)] = until
        while len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def _is_remembered(self, account: Account, password: str) -> bool:
        mark = self._mark(account, password)
        until = self._remembered.get(mark)
        if until is None:
            return False
        if self._clock.monotonic() >= until:
            del self._remembered[mark]
            return False
        return True


def _app_password(account: Account, password: str, service: Service) -> AppPassword | None:
    if not account.app_passwords:
        return None
    digest = passwords.app_password_hash(password)
    for app in account.app_passwords:
        if hmac.compare_digest(app.hash, digest) and service.value in app.services:
            return app
    return None
