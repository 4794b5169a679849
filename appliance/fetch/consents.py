"""Consents that are waited for: the provider's page and the code that somebody types there.

The device flow (RFC 8628) as the page needs it: begun at once, waited for in a thread of its own.
Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

from appliance.errors import PillarboxError
from appliance.fetch import oauth
from appliance.fetch.oauth import Asking
from appliance.fetch.remote import Trouble
from appliance.fetch.source import Consent
from appliance.threads import in_own_thread

log = logging.getLogger("pillarbox.fetch")
_STOP_SECONDS = 1.0


@dataclass(slots=True)
class Asked:
    """One that is waited for, or why it did not come."""

    page: str
    code: str
    until: float  # reading of the clock that only goes on
    trouble: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)
    task: asyncio.Task[None] | None = None

    @property
    def waits(self) -> bool:
        """Whether the code can still be typed."""
        return not self.trouble and time.monotonic() < self.until

    @property
    def told(self) -> dict[str, Any]:
        """For page and command line."""
        return {
            "page": self.page,
            "code": self.code,
            "waits": self.waits,
            "trouble": self.trouble,
        }


class Consents:
    """By a key of whoever asks."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._asked: dict[str, Asked] = {}

    async def begin(
        self, key: str, consent: Consent, keep: Callable[[str], Awaitable[None]]
    ) -> Asked:
        """Ask anew; `keep` is given the refresh token. Raises Trouble."""
        await self.drop(key)
        try:
            asking = await in_own_thread(lambda: oauth.begin(consent, self._context))
        except (OSError, ValueError, HTTPException) as error:
            raise Trouble(f"The provider could not be asked for consent: {error}.") from None
        asked = Asked(asking.page, asking.user_code, asking.until)
        self._asked[key] = asked
        asked.task = asyncio.create_task(self._wait(key, asked, (consent, asking), keep))
        return asked

    def of(self, key: str) -> Asked | None:
        """What is waited for."""
        return self._asked.get(key)

    def told(self) -> dict[str, dict[str, Any]]:
        """All that are waited for."""
        return {key: each.told for key, each in self._asked.items()}

    async def drop(self, key: str) -> None:
        """Wait no more."""
        asked = self._asked.pop(key, None)
        if asked is not None and asked.task is not None:
            asked.stopped.set()
            asked.task.cancel()
            await asyncio.wait([asked.task], timeout=_STOP_SECONDS)

    async def close(self) -> None:
        """Wait for nothing any more."""
        await asyncio.gather(*(self.drop(key) for key in list(self._asked)))

    async def _wait(
        self,
        key: str,
        asked: Asked,
        what: tuple[Consent, Asking],
        keep: Callable[[str], Awaitable[None]],
    ) -> None:
        def sleep(seconds: float) -> None:
            if asked.stopped.wait(seconds):
                raise Trouble("Nobody waits for it any more.")

        consent, asking = what
        try:
            token = await in_own_thread(lambda: oauth.finish(consent, asking, self._context, sleep))
            await keep(token)
        except (PillarboxError, OSError) as error:
            asked.trouble = str(error)
            log.warning("no consent: %s", error, extra={"source": key})
        else:
            if self._asked.get(key) is asked:
                del self._asked[key]
