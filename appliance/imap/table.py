"""Which function answers which command, in which states (RFC 9051 §6).

`may_expunge` is False for the three commands during which message numbers must hold still: FETCH,
STORE and SEARCH without UID (RFC 9051 §7.5.1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from appliance.imap.commands import (
    append,
    auth,
    basics,
    copy,
    expunge,
    fetch,
    idle,
    list_,
    mailboxes,
    quota,
    search,
    select,
    status,
    store,
)
from appliance.imap.conversation import Command, Conversation, State
from appliance.threads import Steps

Handler = Callable[[Conversation, Command], bytes | Steps[bytes]]

_NOT_YET = frozenset({State.NOT_AUTHENTICATED})
_AUTHENTICATED = frozenset({State.AUTHENTICATED})
_INSIDE = frozenset({State.AUTHENTICATED, State.SELECTED})
_SELECTED = frozenset({State.SELECTED})
_ANY = frozenset({State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED})


@dataclass(frozen=True, slots=True)
class Rule:
    """How one command is answered."""

    handler: Handler
    states: frozenset[State]
    may_expunge: bool = True


COMMANDS: dict[bytes, Rule] = {
    b"CAPABILITY": Rule(basics.capability, _ANY),
    b"NOOP": Rule(basics.noop, _ANY),
    b"ID": Rule(basics.identify, _ANY),
    b"LOGOUT": Rule(basics.logout, _ANY),
    b"STARTTLS": Rule(auth.starttls, _NOT_YET),
    b"AUTHENTICATE": Rule(auth.authenticate, _NOT_YET),
    b"LOGIN": Rule(auth.login, _NOT_YET),
    b"ENABLE": Rule(basics.enable, _AUTHENTICATED),
    b"NAMESPACE": Rule(list_.namespace, _INSIDE),
    b"LIST": Rule(list_.list_, _INSIDE),
    b"LSUB": Rule(list_.lsub, _INSIDE),
    b"XLIST": Rule(list_.xlist, _INSIDE),
    b"CREATE": Rule(mailboxes.create, _INSIDE),
    b"DELETE": Rule(mailboxes.delete, _INSIDE),
    b"RENAME": Rule(mailboxes.rename, _INSIDE),
    b"SUBSCRIBE": Rule(mailboxes.subscribe, _INSIDE),
    b"UNSUBSCRIBE": Rule(mailboxes.unsubscribe, _INSIDE),
    b"STATUS": Rule(status.status, _INSIDE),
    b"APPEND": Rule(append.without_message, _INSIDE),
    b"IDLE": Rule(idle.idle, _INSIDE),
    b"GETQUOTA": Rule(quota.getquota, _INSIDE),
    b"GETQUOTAROOT": Rule(quota.getquotaroot, _INSIDE),
    b"SETQUOTA": Rule(quota.setquota, _INSIDE),
    b"SELECT": Rule(select.select, _INSIDE),
    b"EXAMINE": Rule(select.examine, _INSIDE),
    b"CHECK": Rule(basics.check, _SELECTED),
    b"CLOSE": Rule(expunge.close, _SELECTED),
    b"UNSELECT": Rule(expunge.unselect, _SELECTED),
    b"EXPUNGE": Rule(expunge.expunge, _SELECTED),
    b"UID EXPUNGE": Rule(expunge.expunge, _SELECTED),
    b"SEARCH": Rule(search.search, _SELECTED, may_expunge=False),
    b"UID SEARCH": Rule(search.search, _SELECTED),
    b"FETCH": Rule(fetch.fetch, _SELECTED, may_expunge=False),
    b"UID FETCH": Rule(fetch.fetch, _SELECTED),
    b"STORE": Rule(store.store, _SELECTED, may_expunge=False),
    b"UID STORE": Rule(store.store, _SELECTED),
    b"COPY": Rule(copy.copy, _SELECTED),
    b"UID COPY": Rule(copy.copy, _SELECTED),
    b"MOVE": Rule(copy.move, _SELECTED),
    b"UID MOVE": Rule(copy.move, _SELECTED),
}
