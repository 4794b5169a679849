"""Work that goes on as long as the box runs, begun again when it fails. Part of the roof."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable

log = logging.getLogger("pillarbox")


async def supervised(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Run a chore for ever; one that fails is logged and begun again, less and less often."""
    pause = 1.0
    while True:
        try:
            await work()
            return
        except Exception:
            log.exception("%s failed and is started again", name)
        await asyncio.sleep(pause)
        pause = min(60.0, pause * 2)


def log_stray(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """What nobody waited for: peers that broke TLS are no news, everything else is."""
    error = context.get("exception")
    if isinstance(error, ssl.SSLError | ConnectionError | TimeoutError):
        log.debug("%s: %s", context.get("message"), error)
        return
    failure = error if isinstance(error, BaseException) else None
    log.error("%s", context.get("message"), exc_info=failure)
