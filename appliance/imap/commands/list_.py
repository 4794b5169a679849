"""LIST, LSUB, XLIST and NAMESPACE (RFC 9051 §6.3.9, §6.3.10; RFC 5258, RFC 5819, RFC 6154)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from appliance.errors import NotFound
from appliance.imap import names
from appliance.imap.commands.status import status_items, status_line
from appliance.imap.conversation import Command, Conversation
from appliance.imap.grammar import BadSyntax, Parser
from appliance.imap.patterns import LONGEST_PATTERN, SEPARATOR, Pattern
from appliance.store.past import PREFIX
from appliance.store.tree import MailboxInfo
from appliance.threads import Steps

MOST_PATTERNS = 100

_SELECTIONS = frozenset({b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"})
_RETURNS = frozenset({b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE", b"STATUS"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a LIST asks for."""

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[bytes] = frozenset()
    returns: frozenset[bytes] = frozenset()
    status: tuple[bytes, ...] = ()
    is_extended: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One name that may be listed."""

    name: str
    info: MailboxInfo | None  # None: subscribed to, but not there
    has_children: bool
    is_subscribed: bool
    child_matches: bool = False  # CHILDINFO ("SUBSCRIBED")


def namespace(about: Conversation, command: Command) -> bytes:
    """RFC 2342: one personal namespace without prefix; days gone by are shared ones (§5)."""
    command.parser.end()
    shared = b'(("%b" "/"))' % PREFIX.encode() if about.server.store.past.days else b"NIL"
    about.hold(b'* NAMESPACE (("" "/")) NIL %b\r\n' % shared)
    return b"OK NAMESPACE completed"


def list_(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 9051 §6.3.9."""
    asked = _asked(about, command.parser)
    if not asked.is_extended and asked.patterns == ("",):
        about.hold(b'* LIST (\\Noselect) "/" ""\r\n')  # the separator is asked for
        return b"OK LIST completed"
    for entry in (yield from _entries(about, asked)):
        line = b'* LIST (%b) "/" %b' % (
            _attributes(about, entry, asked),
            about.wire_name(entry.name),
        )
        if entry.child_matches:
            line += b' ("CHILDINFO" ("SUBSCRIBED"))'
        about.hold(line + b"\r\n")
        if asked.status and entry.info is not None and entry.info.selectable:
            yield from _status(about, entry.name, asked.status)
        yield from about.say(b"")
    return b"OK LIST completed"


def lsub(about: Conversation, command: Command) -> Steps[bytes]:
    """RFC 3501 §6.3.9; with % a parent of what is subscribed is told as \\Noselect."""
    asked = _asked(about, command.parser)
    told: dict[str, bool] = {}
    subscribed = yield from about.home.subscriptions()
    patterns = _patterns(asked)
    for name in subscribed:
        if _fits(patterns, name):
            told[name] = True
        elif any(pattern.endswith("%") for pattern in asked.patterns):
            for parent in _parents(name):
                if _fits(patterns, parent):
                    told.setdefault(parent, False)
    for name, itself in sorted(told.items()):
        flag = b"" if itself else b"\\Noselect"
        yield from about.say(b'* LSUB (%b) "/" %b\r\n' % (flag, about.wire_name(name)))
    return b"OK LSUB completed"


def xlist(about: Conversation, command: Command) -> Steps[bytes]:
    """What clients used before SPECIAL-USE; \\Inbox is its word for INBOX."""
    asked = _asked(about, command.parser)
    for entry in (yield from _entries(about, asked)):
        words = _attributes(about, entry, asked).split()
        if entry.name == "INBOX":
            words.append(b"\\Inbox")
        line = b'* XLIST (%b) "/" %b\r\n' % (b" ".join(words), about.wire_name(entry.name))
        yield from about.say(line)
    return b"OK XLIST completed"


# --- what is asked


def _asked(about: Conversation, parser: Parser) -> Asked:
    """[list-select-opts SP] mailbox SP mbox-or-pat [SP "RETURN" list-return-opts]"""
    parser.space()
    selection: frozenset[bytes] = frozenset()
    is_extended = parser.looks_at(b"(")
    if is_extended:
        selection = frozenset(parser.list_of(parser.word, may_be_empty=True))
        parser.space()
    _check_selection(selection)
    is_utf8 = about.names_are_utf8
    reference = names.pattern_from_wire(parser.list_mailbox(), is_utf8=is_utf8)
    parser.space()
    if parser.looks_at(b"("):
        is_extended = True
        raw = parser.list_of(parser.list_mailbox)
    else:
        raw = [parser.list_mailbox()]
    patterns = tuple(names.pattern_from_wire(one, is_utf8=is_utf8) for one in raw)
    if len(patterns) > MOST_PATTERNS or any(len(one) > LONGEST_PATTERN for one in patterns):
        raise BadSyntax("Too many patterns, or one that is too long.")
    returns: frozenset[bytes] = frozenset()
    status: tuple[bytes, ...] = ()
    if parser.skip(b" RETURN "):
        is_extended = True
        returns, status = _returns(parser)
    parser.end()
    return Asked(reference, patterns, selection, returns, status, is_extended)


def _check_selection(selection: frozenset[bytes]) -> None:
    if not selection <= _SELECTIONS:
        raise BadSyntax("LIST selects by SUBSCRIBED, SPECIAL-USE, REMOTE and RECURSIVEMATCH.")
    # RFC 9051 §6.3.9.1: RECURSIVEMATCH says something only beside another option
    if b"RECURSIVEMATCH" in selection and not selection & {b"SUBSCRIBED", b"SPECIAL-USE"}:
        raise BadSyntax("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE.")


def _returns(parser: Parser) -> tuple[frozenset[bytes], tuple[bytes, ...]]:
    status: list[tuple[bytes, ...]] = []

    def option() -> bytes:
        word = parser.word()
        if word == b"STATUS":
            parser.space()
            status.append(status_items(parser))
        return word

    returns = frozenset(parser.list_of(option, may_be_empty=True))
    if not returns <= _RETURNS:
        raise BadSyntax("LIST returns SUBSCRIBED, CHILDREN, SPECIAL-USE and STATUS.")
    return returns, status[-1] if status else ()


def _patterns(asked: Asked) -> list[Pattern]:
    """RFC 9051 §6.3.9: the reference stands in front of each pattern."""
    return [Pattern(asked.reference + one) for one in asked.patterns if one or asked.reference]


def _fits(patterns: Iterable[Pattern], name: str) -> bool:
    return any(pattern.matches(name) for pattern in patterns)


# --- what is there


def _entries(about: Conversation, asked: Asked) -> Steps[list[Entry]]:
    infos = yield from about.home.list()
    if _asks_for_past(asked):
        infos += yield from about.server.store.past.list(about.home.address)
    every = [Entry(info.name, info, info.has_children, info.subscribed) for info in infos]
    if b"SUBSCRIBED" in asked.selection:
        there = {info.name for info in infos}
        names_ = yield from about.home.subscriptions()
        every += [
            Entry(name, None, has_children=False, is_subscribed=True)
            for name in names_
            if name not in there
        ]
        every.sort(key=lambda entry: (entry.name != "INBOX", entry.name))
    patterns = _patterns(asked)
    if b"RECURSIVEMATCH" in asked.selection:
        return _with_children(every, patterns, asked)
    return [one for one in every if _selected(one, asked) and _fits(patterns, one.name)]


def _asks_for_past(asked: Asked) -> bool:
    """RFC 2342 §5: a program that lists everything must not collect thirty copies of it."""
    return any((asked.reference + each).startswith(PREFIX[:-1]) for each in asked.patterns)


def _selected(entry: Entry, asked: Asked) -> bool:
    """Whether the selection options let a name through."""
    if b"SUBSCRIBED" in asked.selection and not entry.is_subscribed:
        return False
    if b"SPECIAL-USE" in asked.selection:
        return entry.info is not None and bool(entry.info.special_use)
    return True


def _with_children(
    every: Sequence[Entry], patterns: Sequence[Pattern], asked: Asked
) -> list[Entry]:
    """RECURSIVEMATCH: also names that are not selected but have something selected below."""
    known = {entry.name: entry for entry in every}
    selected = {entry.name for entry in every if _selected(entry, asked)}
    parents = {
        parent for name in selected if not _fits(patterns, name) for parent in _parents(name)
    }
    found: list[Entry] = []
    for name in sorted(selected | parents, key=lambda name: (name != "INBOX", name)):
        if not _fits(patterns, name):
            continue
        entry = known.get(name, Entry(name, None, has_children=True, is_subscribed=False))
        child_matches = name in parents and b"SUBSCRIBED" in asked.selection
        found.append(
            Entry(name, entry.info, entry.has_children, entry.is_subscribed, child_matches)
        )
    return found


def _parents(name: str) -> list[str]:
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:end]) for end in range(1, len(levels))]


def _attributes(about: Conversation, entry: Entry, asked: Asked) -> bytes:
    """mbx-list-flags"""
    words: list[bytes] = []
    if entry.info is None or not entry.info.selectable:
        # RFC 9051 §7.3.1: \NonExistent says \Noselect too; old clients know only the latter
        words += [b"\\NonExistent"] if asked.is_extended or about.is_rev2 else [b"\\Noselect"]
    if entry.is_subscribed and b"SUBSCRIBED" in asked.selection | asked.returns:
        words.append(b"\\Subscribed")
    if entry.info is not None:
        words.append(b"\\HasChildren" if entry.has_children else b"\\HasNoChildren")
        if entry.info.special_use:
            words.append(entry.info.special_use)
    return b" ".join(words)


def _status(about: Conversation, name: str, items: tuple[bytes, ...]) -> Steps[None]:
    """LIST-STATUS (RFC 5819): a mailbox that cannot be opened has no STATUS line."""
    try:
        mailbox = yield from about.open(name)
    except NotFound:
        return
    try:
        about.hold(status_line(about, mailbox, items))
    finally:
        mailbox.close()
