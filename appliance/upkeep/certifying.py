"""The certificate is made anew when it is time, or when the box has another address."""

from __future__ import annotations

import asyncio
import logging

from appliance.net import certificates, tls
from appliance.parts import TLS, Parts, names

log = logging.getLogger("pillarbox")

_CERTIFICATE_SECONDS, _ADDRESS_SECONDS = 6 * 3600.0, 5.0


async def renew(parts: Parts) -> None:
    """For ever; open connections go on with the certificate before."""
    directory, seen, looked = parts.options.state / TLS, None, 0.0
    while True:
        await asyncio.sleep(_ADDRESS_SECONDS)
        wanted, moment = names(parts.options, parts.host), parts.clock.monotonic()
        if wanted == seen and moment < looked + _CERTIFICATE_SECONDS:
            continue
        seen, looked = wanted, moment
        now = parts.clock.wall()
        if await asyncio.to_thread(certificates.ensure, directory, wanted, now):
            await asyncio.to_thread(tls.load, parts.tls, directory)
            log.info("a new server certificate is in use")
