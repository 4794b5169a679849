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
_LONGEST_SHOWN = 80  # letters of a name that nobody has
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
    by: str = ""  # a hash of what opened; "": nothing that could be changed (a device's address)


class Ending(Enum):
    """How an attempt to log in ended."""

    IN = "logged in"
    WRONG_PASSWORD = "wrong password"  # noqa: S105 - no password
    OTHER_SERVICE = "a password for another service"
    UNKNOWN_NAME = "unknown name"
    LOCKED = "locked"
    TOO_MANY = "too many failures"
    IN_CLEAR = "without TLS"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to log in, as it is told to whoever follows how devices are set up.

    What was typed as a name is told only where it is an address in one of our domains: people
    type their password into the field of the name now and then.
    """

    name: str  # of an account; or what was typed, or empty
    service: Service
    peer_host: str
    ending: Ending
    is_account: bool = False


def may_stay(people: Directory, address: str, by: str) -> bool:
    """Whether who has logged in may stay: the account is there and not locked, and what opened
    (`Login.by`) would still open."""
    if not people.may_enter(address):
        return False
    account = people.accounts[address]
    return by in {"", account.argon2, *(each.hash for each in account.app_passwords)}


NoteUse = Callable[[int, float, str], None]


def _note_nothing(_app_password: int, _at: float, _peer: str) -> None:
    """For a gate without a database."""


def _tell_nobody(_attempt: Attempt) -> None:
    """For a gate that nobody watches."""


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
        self.on_attempt: Callable[[Attempt], None] = _tell_nobody
        """Told of every attempt that ended, well or not; quick, in the event loop."""
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
        account = self.known(name)
        key = account.address if account is not None else name.lower()[:320]
        yield from self.wait_in_line(peer_host, key, service)
        app = _app_password(account, password) if account is not None else None
        if app is not None and service.value in app.services:
            yield from self._use(app, peer_host)
        elif not (yield from self._matches(account, password)):
            ending = Ending.WRONG_PASSWORD if app is None else Ending.OTHER_SERVICE
            self.note_failure(peer_host, key, service, ending)
        assert account is not None
        if app is None or service.value not in app.services:
            return self.welcome(account, peer_host, service)
        found = self.welcome(account, peer_host, service, by=app.hash)
        return replace(found, device=app.name)

    def known(self, name: str) -> Account | None:
        """The account of a login name; a locked one is nobody, and nobody can tell."""
        account = self._directory.find(name)
        locked = account is not None and not self._directory.may_enter(account.address)
        return None if locked else account

    def wait_in_line(
        self, peer_host: str, account_key: str, service: Service = Service.PAGE
    ) -> Steps[None]:
        """Hold an attempt back, or refuse it, as the throttle says."""
        verdict = self._throttle.verdict(peer_host, account_key, self._clock.monotonic())
        if verdict.refused_seconds > 0:
            self._tell(account_key, service, peer_host, Ending.TOO_MANY)
            minutes = int(verdict.refused_seconds // 60) + 1
            raise Temporary(f"Too many failed logins. Try again in {minutes} minutes.")
        if verdict.pause_seconds > 0:
            yield Pause(verdict.pause_seconds)

    def note_failure(
        self,
        peer_host: str,
        account_key: str,
        service: Service,
        ending: Ending = Ending.WRONG_PASSWORD,
    ) -> None:
        """Count a failure and raise it."""
        self._throttle.failed(peer_host, account_key, self._clock.monotonic())
        self._tell(account_key, service, peer_host, ending)
        log.warning("login failed", extra={"peer": peer_host, "service": service.value})
        raise AuthenticationFailed(WRONG)

    def note_success(self, peer_host: str, account_key: str) -> None:
        """Count a success."""
        self._throttle.succeeded(peer_host, account_key)

    def welcome(self, account: Account, peer_host: str, service: Service, *, by: str = "") -> Login:
        """Count a success; who it is. `by`: the hash of the app password that was used.

        Raises:
            AuthenticationFailed: meanwhile it was locked, or the password was changed.
        """
        opened = by or account.argon2
        if not may_stay(self._directory, account.address, opened):
            self.note_failure(peer_host, account.address, service)
        self.note_success(peer_host, account.address)
        self._tell(account.address, service, peer_host, Ending.IN)
        return Login(account.address, account.quota_octets, by=opened)

    def note_in_clear(self, peer_host: str, name: str, service: Service) -> None:
        """A door refused a login without TLS; the name, if one came that far."""
        self._tell(name, service, peer_host, Ending.IN_CLEAR)

    def _tell(self, name: str, service: Service, peer_host: str, ending: Ending) -> None:
        account = self._directory.find(name)
        if account is not None:
            if ending is Ending.WRONG_PASSWORD and not self._directory.may_enter(account.address):
                ending = Ending.LOCKED
            found = Attempt(account.address, service, peer_host, ending, is_account=True)
            self.on_attempt(found)
            return
        ours = self._directory.is_here(name.lower())
        shown = name.lower()[:_LONGEST_SHOWN] if ours and "@" in name else ""
        if ending is Ending.WRONG_PASSWORD:
            ending = Ending.UNKNOWN_NAME
        self.on_attempt(Attempt(shown, service, peer_host, ending))

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


def _app_password(account: Account, password: str) -> AppPassword | None:
    """The app password that this is, for whatever service."""
    if not account.app_passwords:
        return None
    digest = passwords.app_password_hash(password)
    for app in account.app_passwords:
        if hmac.compare_digest(app.hash, digest):
            return app
    return None
