"""What each account's programs did lately: for a page that waits until a new phone has arrived.

In memory only, and bounded whatever strangers try: for each account the latest attempt of each
kind (service, peer, how it ended), for a bounded number of accounts; attempts under names that
nobody has go to one short list. Time comes in with each call. No password comes in at all.

Whose an attempt under a wrong name was meant to be is guessed: it belongs to a story if the name
looks like the account's, or if it came from where the account's own device is.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from appliance.accounts.login import Attempt, Ending, Service

MOST_ACCOUNTS = 1_000
MOST_OF_ACCOUNT = 24
MOST_OF_STRANGERS = 64
_LONGEST_CLIENT = 60
_ALIKE = 0.8  # how much alike a mistyped address is, before the @

_NAMES = {Service.IMAP: "IMAP", Service.POP3: "POP3", Service.SMTP: "SMTP"}
_READING = (Service.IMAP, Service.POP3)


@dataclass(frozen=True, slots=True)
class Arrival:
    """The latest attempt of one kind."""

    attempt: Attempt
    at: float  # by the wall clock
    first: float  # when the first one of this kind was
    client: str = ""  # what the program calls itself (RFC 2971)


@dataclass(frozen=True, slots=True)
class Story:
    """What happened since the page began to wait, in plain words."""

    reads: bool = False
    """A program logged in by IMAP or POP3."""
    sends: bool = False
    """A program logged in by SMTP."""
    client: str = ""
    """What the program calls itself, if it does."""
    good: tuple[str, ...] = ()
    """What works, oldest first."""
    bad: tuple[str, ...] = ()
    """What failed and has not worked since, with what to do about it."""
    others: tuple[str, ...] = ()
    """Programs that were here before already, such as the one on the desk; they prove nothing
    about the new device."""

    @property
    def is_complete(self) -> bool:
        """Reading and sending both work: nothing more to wait for."""
        return self.reads and self.sends

    @property
    def summary(self) -> str:
        """One sentence for the head of the page."""
        who = self.client or "A mail program"
        if self.is_complete:
            return f"{who} is connected: reading and sending work."
        if self.bad:
            return "Something did not work yet."
        if self.reads:
            return f"{who} is connected and can read. It tries sending with its first message."
        if self.sends:
            return f"{who} can send. It has not asked for mail yet."
        return "Nothing has arrived yet."


class Arrivals:
    """The memory. Belongs to the event loop."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[str, _Lately] = OrderedDict()
        self._strangers: _Lately = OrderedDict()
        self._distrusted_at = 0.0

    def note(self, attempt: Attempt, now: float) -> None:
        """An attempt to log in ended; those to the page of the box are no mail program's."""
        if attempt.service not in _NAMES:
            return
        if not attempt.is_account:
            _keep(self._strangers, Arrival(attempt, now, now), MOST_OF_STRANGERS)
            return
        known = self._accounts.setdefault(attempt.name, OrderedDict())
        self._accounts.move_to_end(attempt.name)
        client = next(
            (each.client for each in reversed(known.values()) if _same_place(each, attempt)), ""
        )
        _keep(known, Arrival(attempt, now, now, client), MOST_OF_ACCOUNT)
        while len(self._accounts) > MOST_ACCOUNTS:
            self._accounts.popitem(last=False)

    def note_distrust(self, now: float) -> None:
        """Some program did not trust our certificate, and went before it said whose it is."""
        self._distrusted_at = now

    def introduce(self, address: str, peer_host: str, client: str) -> None:
        """What the program that just logged in by IMAP calls itself."""
        known = self._accounts.get(address, OrderedDict())
        shown = "".join(each for each in client if each.isprintable())[:_LONGEST_CLIENT].strip()
        for key, arrival in known.items():
            attempt = arrival.attempt
            if attempt.peer_host == peer_host and attempt.service is Service.IMAP and shown:
                known[key] = replace(arrival, client=shown)

    def story(self, address: str, since: float, now: float, peer_host: str = "") -> Story:
        """What programs of this account did from `since` to `now`; `peer_host` is where the new
        device is, if that is known."""
        own = [each for each in self._accounts.get(address, {}).values() if since <= each.at <= now]
        own.sort(key=lambda each: each.at)
        there = [each for each in own if each.attempt.ending is Ending.IN]
        others = [
            each for each in there if each.first < since and each.attempt.peer_host != peer_host
        ]
        good = [each for each in there if each not in others]
        peers = {each.attempt.peer_host for each in own} | ({peer_host} if peer_host else set())
        strangers = (each for each in self._strangers.values() if since <= each.at <= now)
        bad = [each for each in own if not _was_mended(each, there)]
        bad += [
            each
            for each in strangers
            if _is_meant(each, address, peers) and not _was_mended(each, there)
        ]
        bad.sort(key=lambda each: each.at)
        told = [_failure(each, address) for each in bad]
        if since <= self._distrusted_at <= now and not _is_after(good, self._distrusted_at):
            told.append(_distrust(self._distrusted_at))
        services = {each.attempt.service for each in good}
        return Story(
            reads=any(each in services for each in _READING),
            sends=Service.SMTP in services,
            client=next((each.client for each in reversed(good) if each.client), ""),
            good=tuple(map(_success, good)),
            bad=tuple(dict.fromkeys(told)),
            others=tuple(map(_success, others)),
        )


_Lately = OrderedDict[tuple[str, Service, str, Ending], Arrival]


def _keep(lately: _Lately, arrival: Arrival, most: int) -> None:
    attempt = arrival.attempt
    key = (attempt.name, attempt.service, attempt.peer_host, attempt.ending)
    if key in lately:
        arrival = replace(arrival, first=lately[key].first)
    lately[key] = arrival
    lately.move_to_end(key)
    while len(lately) > most:
        lately.popitem(last=False)


def _same_place(arrival: Arrival, attempt: Attempt) -> bool:
    known = arrival.attempt
    return (known.peer_host, known.service) == (attempt.peer_host, attempt.service)


def _was_mended(arrival: Arrival, good: list[Arrival]) -> bool:
    """A failure that is over: the same service worked later from the same place."""
    return any(each.at >= arrival.at and _same_place(each, arrival.attempt) for each in good)


def _is_after(good: list[Arrival], moment: float) -> bool:
    return any(each.at >= moment for each in good)


def _distrust(at: float) -> str:
    return (
        f"A program, perhaps this one, did not trust the box's certificate at {_clock(at)}. "
        "Install the profile or the box's own certificate on the device, and trust it there."
    )


def _is_meant(arrival: Arrival, address: str, peers: set[str]) -> bool:
    name = arrival.attempt.name
    if arrival.attempt.peer_host in peers:
        return True
    typed, meant = name.rpartition("@")[0], address.rpartition("@")[0]
    return bool(typed) and SequenceMatcher(None, typed, meant).ratio() >= _ALIKE


def _success(arrival: Arrival) -> str:
    attempt = arrival.attempt
    client = f" ({arrival.client})" if arrival.client else ""
    return (
        f"{'Connected by' if attempt.service in _READING else 'Ready to send by'} "
        f"{_service(attempt)} at {_clock(arrival.at)} from {attempt.peer_host}{client}."
    )


def _failure(arrival: Arrival, address: str) -> str:
    return " ".join(_explained(arrival, address))


def _explained(arrival: Arrival, address: str) -> Iterator[str]:
    """What happened, then what to do."""
    attempt = arrival.attempt
    tried = f"{_service(attempt)} at {_clock(arrival.at)} from {attempt.peer_host}"
    match attempt.ending:
        case Ending.WRONG_PASSWORD:
            yield f"Wrong password: {tried}."
            yield "Type it again; the keyboard may have changed the first letter."
        case Ending.OTHER_SERVICE:
            yield f"That app password is not for {_service(attempt)}: {tried}."
            yield f"Use another one, or make one that is for {_service(attempt)} too."
        case Ending.UNKNOWN_NAME:
            named = f" {attempt.name}" if attempt.name else ""
            yield f"Unknown user name{named}: {tried}."
            yield f"The user name is the whole address, {address}."
        case Ending.LOCKED:
            yield f"The account is locked: {tried}."
            yield "Unlock it if this person shall come in again."
        case Ending.TOO_MANY:
            yield f"Too many wrong passwords: {tried}."
            yield "Leave the device alone for ten minutes, then type the right one."
        case _:
            yield f"Tried without encryption, so no password was taken: {tried}."
            yield f"Set the security of {_service(attempt)} to SSL/TLS."


def _service(attempt: Attempt) -> str:
    return _NAMES.get(attempt.service, attempt.service.value)


def _clock(at: float) -> str:
    return time.strftime("%H:%M", time.localtime(at))
