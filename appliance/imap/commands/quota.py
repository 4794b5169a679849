"""GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208); STORAGE counts in units of 1024 octets.

An account has one quota root, named as the account, if it has a limit at all.
"""

from __future__ import annotations

from appliance.imap.conversation import Command, Conversation
from appliance.imap.responses import No
from appliance.message.wire import string
from appliance.threads import Steps


def getquota(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9208 §4.2."""
    command.parser.space()
    root = command.parser.astring()
    command.parser.end()
    if root != _root(about) or not about.home.quota_octets:
        raise No(b"NONEXISTENT", "There is no such quota root.")
    yield from _tell(about)
    return b"OK GETQUOTA completed"


def getquotaroot(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9208 §4.3."""
    command.parser.space()
    name = about.mailbox_name(command.parser)
    command.parser.end()
    (yield from about.open(name)).close()
    roots = [string(_root(about))] if about.home.quota_octets else []
    about.hold(b" ".join([b"* QUOTAROOT", about.wire_name(name), *roots]) + b"\r\n")
    if roots:
        yield from _tell(about)
    return b"OK GETQUOTAROOT completed"


def setquota(about: Conversation, command: Command) -> bytes:
    """RFC 9208 §4.1.2: limits are set on the box's page."""
    del about, command
    raise No(b"NOPERM", "Only the administrator changes quotas.")


def _root(about: Conversation) -> bytes:
    return about.home.address.encode("utf-8")


def _tell(about: Conversation) -> Steps[None]:
    used = yield from about.home.usage()
    limit = about.home.quota_octets
    line = b"* QUOTA %b (STORAGE %d %d)\r\n"
    about.hold(line % (string(_root(about)), -(-used.octets // 1024), limit // 1024))
