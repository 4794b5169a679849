"""How fast mail is brought: so that the office's own mail goes on, and no server is pressed. Pure,
but for `Throttle`, which is shared by the threads of all moves."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.fetch.remote import Trouble

_FIRST_SECONDS, _LONGEST_SECONDS = 15.0, 1800.0
_LOGIN_SECONDS, _LIMIT_SECONDS = 3600.0, 600.0
_LONGEST_ASKED = 6 * 3600.0
_LIMITED = re.compile(
    r"\[(LIMIT|THROTTLED|OVERQUOTA|UNAVAILABLE|INUSE)\]|throttl|bandwidth|too many|rate limit|"
    r"exceeded|try again later|simultaneous",
    re.IGNORECASE,
)
_ASKED = re.compile(r"Backoff Time: (\d{1,9}) milliseconds", re.IGNORECASE)
MOST_AT_ONCE, OCTETS_AT_ONCE = 50, 1 << 20


@dataclass(frozen=True, slots=True)
class Meta:
    """What is known of a message there before it is fetched."""

    uid: int
    size: int  # octets, as the server says
    date: float  # INTERNALDATE, seconds since the epoch
    flags: tuple[bytes, ...] = ()
    same: str = ""  # the server's own mark of the message, the same in all folders (Gmail)


def pause(trouble: Trouble, failures: int) -> float:
    """Seconds until the next attempt, after so many failures in a row.

    A server that says it is too much is left alone for longer, as long as it asks for.
    """
    said = str(trouble)
    if asked := _ASKED.search(said):  # Microsoft 365
        return min(_LONGEST_ASKED, max(_FIRST_SECONDS, int(asked[1]) / 1000))
    if is_limited(said):
        return float(min(_LIMIT_SECONDS * 2.0 ** min(failures - 1, 10), _LONGEST_ASKED))
    if trouble.is_login:
        return _LOGIN_SECONDS
    return float(min(_FIRST_SECONDS * 2.0 ** min(failures - 1, 10), _LONGEST_SECONDS))


def is_limited(said: str) -> bool:
    """Whether a server says that it was asked too much (RFC 5530: LIMIT, UNAVAILABLE, INUSE)."""
    return bool(_LIMITED.search(said))


def portions(metas: Sequence[Meta]) -> list[list[Meta]]:
    """What is fetched by one command: a few small messages, or one large one."""
    made: list[list[Meta]] = []
    octets = 0
    for each in metas:
        full = not made or len(made[-1]) >= MOST_AT_ONCE or octets + each.size > OCTETS_AT_ONCE
        if full:
            made.append([])
            octets = 0
        made[-1].append(each)
        octets += each.size
    return made


class Throttle:
    """So many octets a second for all moves together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, octets: int, a_second: float, now: float) -> float:
        """Seconds to wait after so many octets came; `now` on a clock that only goes on."""
        if a_second <= 0:
            return 0.0
        with self._lock:
            self._free_at = max(self._free_at, now) + octets / a_second
            return self._free_at - now
