"""CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8)."""

from __future__ import annotations

from appliance.errors import Refused
from appliance.imap.conversation import Command, Conversation
from appliance.imap.grammar import BadSyntax, Parser
from appliance.imap.responses import No
from appliance.threads import Steps

# RFC 6154 §2: uses a mailbox may be given; \All and \Flagged would be views we do not keep
_USES = {use.lower(): use for use in (b"\\Archive", b"\\Drafts", b"\\Junk", b"\\Sent", b"\\Trash")}


def _name(about: Conversation, command: Command) -> str:
    command.parser.space()
    return about.mailbox_name(command.parser)


def _fit(name: str) -> str:
    if "*" in name or "%" in name:  # they could not be told from wildcards in LIST
        raise Refused("A mailbox name cannot contain * or %.")
    return name


def create(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.3.4; USE is CREATE-SPECIAL-USE (RFC 6154 §3)."""
    name = _fit(_name(about, command))
    use = _special_use(command.parser) if command.parser.skip(b" (") else b""
    command.parser.end()
    yield from about.home.create(name, special_use=use)
    mailbox = yield from about.open(name.removesuffix("/"))
    identity = mailbox.mailbox_id
    mailbox.close()
    return b"OK [MAILBOXID (%b)] CREATE completed" % identity  # RFC 8474 §4.1


def _special_use(parser: Parser) -> bytes:
    """create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")" """
    if parser.word() != b"USE":
        raise BadSyntax("CREATE knows the parameter USE.")
    parser.space()
    uses = parser.list_of(parser.flag, may_be_empty=True)
    parser.expect(b")")
    if not uses:
        return b""
    if len(uses) > 1 or uses[0].lower() not in _USES:
        raise No(b"USEATTR", "A mailbox has one of the uses Archive, Drafts, Junk, Sent, Trash.")
    return _USES[uses[0].lower()]


def delete(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.3.5."""
    name = _name(about, command)
    command.parser.end()
    yield from about.home.delete(name)
    return b"OK DELETE completed"


def rename(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.3.6."""
    old = _name(about, command)
    new = _fit(_name(about, command))
    command.parser.end()
    yield from about.home.rename(old, new)
    return b"OK RENAME completed"


def subscribe(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.3.7."""
    name = _name(about, command)
    command.parser.end()
    yield from about.home.subscribe(name)
    return b"OK SUBSCRIBE completed"


def unsubscribe(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.3.8."""
    name = _name(about, command)
    command.parser.end()
    yield from about.home.unsubscribe(name)
    return b"OK UNSUBSCRIBE completed"
