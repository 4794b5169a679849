"""How much each login and each office device may send to the outside.

Counted in memory; what has changed is given to `senders.py` every few seconds, so that a restart
does not begin the count anew.

A stolen password sends thousands of messages within the hour; who goes over the limit is frozen
until somebody looks. Recipients outside are counted, by the hour and by the day. Time is an
argument.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from appliance.accounts.login import Login
from appliance.words import phrase

HOUR, DAY = 3600.0, 86_400.0
_MOST_KEYS = 5_000


@dataclass(frozen=True, slots=True)
class Device:
    """A scanner or printer of the office that sends without a password."""

    name: str
    address: str  # numeric, in the office network
    account: str  # in whose name it sends
    per_hour: int  # recipients outside


@dataclass(frozen=True, slots=True)
class Limits:
    """Recipients outside."""

    per_hour: int = 500
    per_day: int = 2000


@dataclass(frozen=True, slots=True)
class Sent:
    """What somebody sent within a minute."""

    key: str
    at: float
    recipients: int  # outside


class Allowance:
    """Counts and refuses. Belongs to the event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._sent: OrderedDict[str, deque[tuple[float, int]]] = OrderedDict()
        self.frozen: dict[str, str] = {}  # key to the reason
        self._devices: Mapping[str, Device] = {}
        self._changed: set[str] = set()

    def remember(self, counted: Iterable[Sent]) -> None:
        """What was counted before this start, the oldest first."""
        for each in counted:
            self._sent.setdefault(each.key, deque()).append((each.at, each.recipients))

    def changed(self) -> list[Sent]:
        """What has been counted since this was asked last; all of the newest minute."""
        found = [(key, self._sent[key]) for key in self._changed if self._sent.get(key)]
        self._changed.clear()
        return [Sent(key, *each) for key, sent in found for each in list(sent)[-2:]]

    def change(self, devices: Iterable[Device], frozen: Mapping[str, str]) -> None:
        """From now on these are the devices, and these are frozen."""
        self._devices = {each.address: each for each in devices}
        for key in self.frozen.keys() - frozen.keys():
            self._sent.pop(key, None)  # thawed: counting begins anew
        self.frozen = dict(frozen)

    def device(self, address: str) -> Device | None:
        """The device at an address."""
        return self._devices.get(address)

    def refusal(self, login: Login) -> str:
        """Why this login may not send now; empty when it may."""
        if any(key in self.frozen for key in _keys(login)):
            return (
                "Sending is stopped, because far more was sent than usual. Ask whoever looks "
                "after this mail server."
            )
        return ""

    def count(self, login: Login, recipients: int, now: float) -> str:
        """Count a message; the key that has just been frozen by it, or empty."""
        if not recipients:
            return ""
        for key in _keys(login):
            limits = self._limits_of(key, login)
            sent = self._sent.setdefault(key, deque())
            self._sent.move_to_end(key)
            while sent and sent[0][0] <= now - DAY:
                sent.popleft()
            hour = sum(number for at, number in sent if at > now - HOUR) + recipients
            day = sum(number for _, number in sent) + recipients
            if hour > limits.per_hour or day > limits.per_day:
                self.frozen[key] = (
                    phrase(f"{hour} recipients within an hour")
                    if hour > limits.per_hour
                    else phrase(f"{day} recipients within a day")
                )
                return key
            add_by_minute(sent, now, recipients)
            self._changed.add(key)
        while len(self._sent) > _MOST_KEYS:
            self._sent.popitem(last=False)
        return ""

    def _limits_of(self, key: str, login: Login) -> Limits:
        for device in self._devices.values():
            if key == device_key(device.name):
                return Limits(device.per_hour, device.per_hour * 24)
        del login
        return self.limits


def device_key(name: str) -> str:
    """Under which an office device is counted."""
    return f"device:{name}"


def _keys(login: Login) -> tuple[str, ...]:
    """What a login is counted as: the device alone, or the program's password and its account."""
    if login.device.startswith("device:"):
        return (login.device,)
    if login.device:
        return (f"{login.address}/{login.device}", login.address)
    return (login.address,)


def add_by_minute(sent: deque[tuple[float, int]], now: float, recipients: int) -> None:
    """Count by the minute, so that a day has at most 1,440 entries."""
    if sent and now - sent[-1][0] < 60:
        at, number = sent.pop()
        sent.append((at, number + recipients))
    else:
        sent.append((now, recipients))
