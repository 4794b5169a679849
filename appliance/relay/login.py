"""Logging in at a relay (RFC 4954): PLAIN, LOGIN or CRAM-MD5, whichever it offers and takes.

The strongest habit of providers comes first, whatever order they name them in. Some offer a
mechanism that their own accounts cannot use, so a refusal leads on to the next one.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import aiosmtplib
from aiosmtplib import SMTP
from aiosmtplib.auth import auth_crammd5_verify, auth_plain_encode

_ORDER = ("plain", "login", "cram-md5")
_ACCEPTED, _GO_ON = 235, 334
Say = Callable[[bytes], Awaitable[aiosmtplib.SMTPResponse]]


class NoLogin(Exception):
    """The relay offers no way of logging in that we know."""


async def log_in(smtp: SMTP, say: Say, username: str, password: str) -> aiosmtplib.SMTPResponse:
    """The reply that settled it; 235 means that we are in. Raises NoLogin and what `say` raises."""
    said: aiosmtplib.SMTPResponse | None = None
    for name in _ORDER:
        if name not in smtp.server_auth_methods:
            continue
        said = await _BY_NAME[name](say, username, password)
        if said.code == _ACCEPTED or 400 <= said.code < 500:
            return said  # in, or nobody can say at the moment: asking again would not help
    if said is None:
        raise NoLogin
    return said


async def _plain(say: Say, username: str, password: str) -> aiosmtplib.SMTPResponse:
    """RFC 4616."""
    return await say(b"AUTH PLAIN " + auth_plain_encode(username, password))


async def _login(say: Say, username: str, password: str) -> aiosmtplib.SMTPResponse:
    """Never standardized; without an initial response, which not every server understands."""
    said = await say(b"AUTH LOGIN")
    for each in (username, password):
        if said.code != _GO_ON:
            break
        said = await say(base64.b64encode(each.encode()))
    return said


async def _cram_md5(say: Say, username: str, password: str) -> aiosmtplib.SMTPResponse:
    """RFC 2195."""
    said = await say(b"AUTH CRAM-MD5")
    if said.code != _GO_ON:
        return said
    try:
        answer = auth_crammd5_verify(username, password, said.message)
    except aiosmtplib.SMTPAuthenticationError:  # what it asked cannot be read
        return await say(b"*")
    return await say(answer)


_BY_NAME = {"plain": _plain, "login": _login, "cram-md5": _cram_md5}
