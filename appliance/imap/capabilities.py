"""What the server says it can do (RFC 9051 §6.1.1), depending on where the session stands."""

from __future__ import annotations

from appliance.accounts.sasl import MECHANISMS
from appliance.imap.conversation import Conversation, State

# Before login only what a client needs there; afterwards everything.
_ALWAYS = (b"IMAP4rev1", b"IMAP4rev2", b"LITERAL+", b"SASL-IR", b"ENABLE", b"ID", b"IDLE")
_AFTER_LOGIN = (
    b"NAMESPACE", b"UNSELECT", b"UIDPLUS", b"MOVE", b"CHILDREN", b"LIST-EXTENDED", b"LIST-STATUS",
    b"STATUS=SIZE", b"SPECIAL-USE", b"CREATE-SPECIAL-USE", b"ESEARCH", b"SEARCHRES", b"WITHIN",
    b"BINARY", b"CONDSTORE", b"QRESYNC", b"OBJECTID", b"SAVEDATE", b"QUOTA", b"QUOTA=RES-STORAGE",
    b"UTF8=ACCEPT", b"MULTIAPPEND",
)  # fmt: skip


def may_log_in(about: Conversation) -> bool:
    """Whether passwords may be sent as things are."""
    return about.link.secure or about.server.allow_plain_text


def capabilities(about: Conversation) -> bytes:
    """Return the capability list, without the word CAPABILITY."""
    words = list(_ALWAYS)
    if about.state is State.NOT_AUTHENTICATED:
        if about.link.tls_offered:
            words.append(b"STARTTLS")
        if may_log_in(about):
            words.extend(b"AUTH=" + mechanism for mechanism in MECHANISMS)
        else:
            words.append(b"LOGINDISABLED")
    else:
        words.extend(_AFTER_LOGIN)
        words.append(b"APPENDLIMIT=%d" % about.server.limits.append_octets)
    return b" ".join(words)
